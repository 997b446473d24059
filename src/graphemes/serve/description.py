"""What the server offers, as OpenAPI has it, and as a page for people."""

from typing import Any

from jinja2 import Environment, PackageLoader

from graphemes.foundation.heads import HEADS, HEIGHT, PIXELS, WIDTH
from graphemes.foundation.versions import VERSION
from graphemes.serve.bodies import FORM, FORMATS, LARGEST, MOST, RAW

REFUSALS = {
    "400": "a body that holds no picture that can be read",
    "403": "by another host name, or from a page of another origin",
    "405": "by another method than POST",
    "408": "a body that didn't arrive in time",
    "413": f"more than {LARGEST // 1_000_000} MB or {MOST} pictures, or more than can be decoded",
    "415": "a body or a file of a type that isn't read",
    "422": "a word of the query that isn't known or comes twice; explain of several pictures",
    "429": "too many requests from one address",
    "500": "a fault of the server",
    "503": "too much waits to be decoded or read, or the server ends",
}
_LATER = ("429", "503")  # which say after how many seconds to ask again


def described() -> dict[str, Any]:
    """The OpenAPI 3.1 document."""
    picture = {"type": "string", "format": "binary"}
    bodies: dict[str, Any] = {kind: {"schema": picture} for kind in (*FORMATS, RAW)}
    bodies[FORM] = {
        "schema": {
            "type": "object",
            "properties": {"file": {"type": "array", "items": picture, "maxItems": MOST}},
            "required": ["file"],
        }
    }
    flag = {"type": "string", "enum": ["true", "false"], "default": "false"}
    text, number = {"type": "string"}, {"type": "number", "minimum": 0}
    count = {"type": "integer", "minimum": 0}
    network = {"name": text, "image_size": text, "rule": text, "demo": {"type": "boolean"}}
    networks = {"type": "array", "items": _object(network)}
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "Bengali handwritten graphemes",
            "version": VERSION,
            "description": "Reads handwritten Bengali graphemes: root, vowel sign, consonant sign.",
        },
        "paths": {
            "/predict": {
                "post": {
                    "operationId": "predict",
                    "summary": "Read one picture or some",
                    "description": (
                        f"PNG, JPEG, raw scans ({PIXELS:,} bytes each: {HEIGHT} rows of {WIDTH}"
                        " grey levels, 255 paper to 0 ink), or a form of several PNG and JPEG."
                    ),
                    "parameters": [
                        _parameter("network", {"type": "string"}, "which of /networks reads"),
                        _parameter(
                            "explain",
                            flag,
                            "also what it saw and where it looked; takes one picture",
                        ),
                        _parameter("compare", flag, "also what each of the networks reads"),
                    ],
                    "requestBody": {"required": True, "content": bodies},
                    "responses": {
                        "200": _answer("what was read", _ref("Answer")),
                        **{status: _refusal(status, why) for status, why in REFUSALS.items()},
                    },
                }
            },
            "/networks": _get(
                "networks", "The networks that can be asked", _object({"networks": networks})
            ),
            "/health": _get(
                "health",
                "Whether the server is there",
                _object({"status": text, "version": text, "seconds": number, "pictures": count}),
            ),
        },
        "components": {"schemas": _schemas()},
    }


def _parameter(name: str, schema: dict[str, Any], why: str) -> dict[str, Any]:
    return {"name": name, "in": "query", "required": False, "schema": schema, "description": why}


def _get(name: str, summary: str, schema: dict[str, Any]) -> dict[str, Any]:
    found = {"200": _answer(summary, schema), "403": _refusal("403", REFUSALS["403"])}
    found["405"] = _refusal("405", "by another method than GET")
    return {"get": {"operationId": name, "summary": summary, "responses": found}}


def _refusal(status: str, why: str) -> dict[str, Any]:
    found = _answer(why, _ref("Refusal"))
    if status in _LATER:
        seconds = {"description": "seconds until another try", "schema": {"type": "integer"}}
        found["headers"] = {"Retry-After": seconds}
    return found


def _answer(why: str, schema: dict[str, Any]) -> dict[str, Any]:
    return {"description": why, "content": {"application/json": {"schema": schema}}}


def _ref(name: str) -> dict[str, Any]:
    return {"$ref": f"#/components/schemas/{name}"}


def _object(properties: dict[str, Any], *optional: str) -> dict[str, Any]:
    required = [name for name in properties if name not in optional]
    return {"type": "object", "properties": properties, "required": required}


def _schemas() -> dict[str, Any]:
    text, chance = {"type": "string"}, {"type": "number", "minimum": 0, "maximum": 1}
    label = {"type": "integer", "minimum": 0}
    one = _object({"label": label, "text": text, "probability": chance})
    found = _object({"label": label, "text": text, "best": {"type": "array", "items": one}})
    spelling = _object({"text": text, "probability": chance})
    address = {"type": "string", "description": "a PNG as a data address"}
    looked = _object({head.name: address for head in HEADS})
    pictures = {"type": "array", "items": _ref("Picture")}
    return {
        "Picture": _object(
            {
                "grapheme": text,
                **{head.name: found for head in HEADS},
                "graphemes": {"type": "array", "items": spelling},
            }
        ),
        "Answer": _object(
            {
                "network": text,
                "pictures": pictures,
                "milliseconds": {"type": "number"},
                "networks": {"type": "object", "additionalProperties": pictures},
                "explanation": _object({"seen": address, "looked": looked}),
            },
            "networks",
            "explanation",
        ),
        "Refusal": _object({"error": text}),
    }


def help_page(address: str) -> str:
    """The same for people, in the page's own looks. `address`: of this server."""
    environment = Environment(autoescape=True, loader=PackageLoader("graphemes.serve"))
    template = environment.get_template("docs.html")
    return template.render(post=described()["paths"]["/predict"]["post"], address=address)
