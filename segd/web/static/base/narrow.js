// Whether the page is as narrow as a phone's, where styles alone cannot tell what to show.

export const NARROW = window.matchMedia("(width <= 720px)");
