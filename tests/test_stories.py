"""The repository's own stories: every edge of the contract as somebody meets it, each a test."""

from pathlib import Path

import pytest

from segd.stories.reading import read_stories
from segd.stories.running import run
from segd.stories.story import Story
from segd.stories.telling import differences

STORIES = [story for path in sorted((Path(__file__).parent / "stories").glob("*.toml")) for story in read_stories(path)]


@pytest.mark.parametrize("story", STORIES, ids=[f"{story.file.stem}: {story.name}" for story in STORIES])
def test_story(story: Story) -> None:
    outcome = run(story)
    assert outcome.passed, "\n".join(["- expected, + came", *differences(outcome)])
