"""The demo's little shop: pages at /shop that a visitor's own browser tracks with Segment's library, as any site does.

The pages are for the demo alone. They know nothing of segd but the write key, and ask it for nothing; the links to the
dashboard are for the visitor. One page plays the tool for campaigns that the demo's reports link to.
"""

from dataclasses import dataclass
from typing import Any, Final

from quart import Blueprint, Response, render_template, request

from segd.web.asgi import RequestError
from segd.web.pages import POLICY

# The same machine by another name is another site to browsers and to segd.
OTHER_NAME: Final = {"127.0.0.1": "localhost", "localhost": "127.0.0.1"}


@dataclass(frozen=True)
class Product:
    """id: also the name of its picture. price: in US dollars."""

    id: str
    name: str
    category: str
    brand: str
    price: float
    about: str

    @property
    def properties(self) -> dict[str, Any]:
        """What events say of it."""
        return {"product_id": self.id, "category": self.category, "brand": self.brand, "price": self.price}


PRODUCTS: Final = (
    Product("mug", "Morning mug", "kitchen.mug", "tonwerk", 14.5, "Stoneware, half a litre, survives the dishwasher."),
    Product("lamp", "Desk lamp", "living_room.lamp", "lumo", 39, "Warm light for one book and one reader."),
    Product("backpack", "Day pack", "accessories.bag", "fjord", 85, "Eighteen litres of waxed canvas."),
    Product("headphones", "Headphones", "electronics.audio.headphone", "lumo", 129, "Closed, light, quiet on trains."),
    Product("phone", "Telephone", "electronics.smartphone", "nordlys", 549, "Fits a pocket. Takes calls, too."),
    Product("bicycle", "City bicycle", "sport.bicycle", "fjord", 740, "Eight gears, two lamps, one bell."),
)


def make_shop(write_key: str) -> Blueprint:
    """write_key: what the pages track their visitor with."""
    shop = Blueprint(
        "shop", __name__, url_prefix="/shop", static_folder="files", static_url_path="/files",
        template_folder="templates",
    )  # fmt: skip
    by_id = {product.id: product for product in PRODUCTS}

    async def page(name: str, title: str, **more: Any) -> str:
        host, colon, port = request.host.partition(":")
        other = OTHER_NAME.get(host)
        elsewhere = None if other is None else f"{request.scheme}://{other}{colon}{port}"
        return await render_template(
            f"shop-{name}.html", title=title, write_key=write_key, products=PRODUCTS, elsewhere=elsewhere, **more
        )

    async def entrance() -> str:
        return await page("entrance", "Corner Shop")

    async def product(id: str) -> str:
        if id not in by_id:
            raise RequestError("not_found", f"the shop has no {id[:200]!r}")
        return await page("product", by_id[id].name, product=by_id[id])

    async def cart() -> str:
        return await page("cart", "Cart")

    async def magazine() -> str:
        return await page("magazine", "Things worth having")

    async def campaign() -> str:
        tool, segment, id = (request.args.get(name, "")[:200] for name in ("tool", "segment", "id"))
        return await page("campaign", f"New {tool or 'campaign'}", segment=segment, id=id)

    async def secure(response: Response) -> Response:
        response.headers["Content-Security-Policy"] = POLICY
        response.headers["X-Content-Type-Options"] = "nosniff"
        response.headers["Cache-Control"] = "no-cache"
        # Unlike the dashboard's: that a visitor came from another site is what a shop wants to know.
        response.headers["Referrer-Policy"] = "strict-origin-when-cross-origin"
        return response

    shop.add_url_rule("", "entrance", entrance)
    shop.add_url_rule("/product/<id>", "product", product)
    shop.add_url_rule("/cart", "cart", cart)
    shop.add_url_rule("/magazine", "magazine", magazine)
    shop.add_url_rule("/campaign", "campaign", campaign)
    shop.after_request(secure)
    return shop
