"""Drawing on the page in a browser, and what its network sees of that."""

import base64

import cv2
import numpy as np


def stroke(page, *points: tuple[float, float]) -> None:
    """One stroke of the mouse, in shares of the sheet."""
    page.locator("#paper").scroll_into_view_if_needed()
    box = page.locator("#paper").bounding_box()
    ends = [(box["x"] + x * box["width"], box["y"] + y * box["height"]) for x, y in points]
    page.mouse.move(*ends[0])
    page.mouse.down()
    for end in ends[1:]:
        page.mouse.move(*end, steps=5)
    page.mouse.up()


def drop(page, picture: np.ndarray, name: str = "a.png") -> None:
    """A picture, grey or RGB, opened as a file."""
    colours = picture[..., ::-1] if picture.ndim == 3 else picture
    body = cv2.imencode(".png", colours)[1].tobytes()
    page.set_input_files("#file", {"name": name, "mimeType": "image/png", "buffer": body})


def shown(page) -> np.ndarray:
    """What the network sees, 0 paper to 1 ink, once it is shown; it is taken away then."""
    address = page.wait_for_selector("#looks img").get_attribute("src")
    page.evaluate("document.getElementById('looks').replaceChildren()")
    png = np.frombuffer(base64.b64decode(address.partition(",")[2]), np.uint8)
    return 1 - cv2.imdecode(png, cv2.IMREAD_GRAYSCALE) / 255


def dot_on_ink(page, photograph: np.ndarray) -> None:
    """A small dot on a stroke of the photograph that fills the sheet's height."""
    grey = photograph.min(2)
    depth = cv2.morphologyEx(grey, cv2.MORPH_BLACKHAT, np.ones((61, 61), np.uint8))
    down, across = np.unravel_index(cv2.blur(depth, (9, 9)).argmax(), grey.shape)
    height, width = grey.shape
    fit = 548 / height
    x = (944 - width * fit) / 2 + across * fit
    for _ in range(7):
        page.keyboard.press("[")
    stroke(page, (x / 944, down / height))
