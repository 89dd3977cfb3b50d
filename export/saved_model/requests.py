"""Examples of requests to TF Serving's HTTP interface with curl, for each signature.

Source: https://github.com/tensorflow/serving/blob/master/tensorflow_serving/g3doc/api_rest.md
"""

from __future__ import annotations

import json
from typing import Any

import numpy as np

from kerasconv.export.saved_model.endpoints import Endpoint


def requests(model: str, endpoint: Endpoint) -> str:
    """Returns a section of Markdown with the requests to one signature.

    Args:
        model: The name of the model on the server.
        endpoint: The signature.
    """
    values = {name: _value(value) for name, value in endpoint.row.items()}
    if endpoint.name == "classify":
        verb = "classify"
        bodies = {"By examples, in which `1` is an integer and `1.0` a float": f'"examples": [{_object(values)}]'}
    else:
        verb = "predict"
        columns = {name: f"[{value}]" for name, value in values.items()}
        bodies = {"By rows": f'"instances": [{_object(values)}]', "By columns": f'"inputs": {_object(columns)}'}
    signature = "" if endpoint.name == "serving_default" else f'"signature_name": "{endpoint.name}", '
    url = f"http://localhost:8501/v1/models/{model}:{verb}"
    parts = [f"{k}:\n\n```sh\ncurl -d @- {url} <<END\n{{{signature}{body}}}\nEND\n```\n" for k, body in bodies.items()]
    return "\n".join([f"### {endpoint.name}\n", *parts])


def _object(members: dict[str, str]) -> str:
    return "{" + ", ".join(f'"{name}": {value}' for name, value in members.items()) + "}"


def _value(value: bytes | np.ndarray[Any, Any]) -> str:
    """Returns a shell expression for a photograph, or for an array of this shape."""
    if isinstance(value, bytes):
        return """{"b64": "$(base64 < photo.jpg | tr -d '\\n')"}"""
    number = 0.5 if np.issubdtype(value.dtype, np.floating) else True if value.dtype == bool else 1
    if not value.shape:
        return json.dumps(number)
    array = repr(number)
    for n in reversed(value.shape):
        array = f"[{array}] * {n}"
    return f"$(python3 -c 'import json; print(json.dumps({array}))')"
