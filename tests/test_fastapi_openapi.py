"""What the OpenAPI document promises is what the routes do."""

from __future__ import annotations

import asyncio
import json
import re
import threading
from collections.abc import Iterator
from typing import Any

import pytest
import schemathesis
import uvicorn
from fastapi import FastAPI
from hypothesis import HealthCheck, settings
from schemathesis.specs.openapi.checks import allow_header_conformance

from tests.clouds import Cloud
from tests.fastapi_apps import app_of, cloud_wanpoll, quick
from wanpoll.fastapi import WanPoll

MODELS = {
    "TaskOutcome",
    "TaskProgress",
    "TaskMedia",
    "TaskFailure",
    "TaskStates",
    "TaskBatch",
    "TaskReference",
    "Problem",
}


def whole_app() -> tuple[WanPoll, FastAPI]:
    """Every route there is. Its task ids end by themselves."""
    wanpoll = cloud_wanpoll(Cloud(runs=0.05, latency=0.001))
    app = app_of(wanpoll, allow_cancel=True, longest_wait=0.2)
    app.include_router(wanpoll.webhooks({"dashscope": None}))
    return wanpoll, app


def operations(document: Any) -> Iterator[tuple[str, Any]]:
    """The routes of wanpoll in an OpenAPI document."""
    for path, methods in document["paths"].items():
        for method, operation in methods.items():
            yield f"{method.upper()} {path}", operation


def test_answers_have_named_models_with_examples() -> None:
    """In the shape that is sent, the examples being valid."""
    document = whole_app()[1].openapi()
    schemas = document["components"]["schemas"]

    assert set(schemas) == MODELS
    for name in ("TaskOutcome", "TaskProgress", "TaskBatch", "TaskReference"):
        assert schemas[name]["examples"]
    assert {name for name, _ in operations(document)} == {
        "GET /tasks/{provider}/{id}",
        "DELETE /tasks/{provider}/{id}",
        "GET /tasks/{provider}/{id}/events",
        "POST /tasks:batch",
        "POST /webhooks/{provider}",
    }


def test_every_error_is_a_problem_with_an_example() -> None:
    """Under RFC 9457's media type; what FastAPI would promise by itself is not left in."""
    for _, operation in operations(whole_app()[1].openapi()):
        assert operation["summary"]
        assert operation["description"]
        for status, response in operation["responses"].items():
            if status == "default" or int(status) >= 400:
                assert list(response["content"]) == ["application/problem+json"]
                assert response["content"]["application/problem+json"]["schema"]["$ref"].endswith("/Problem")
    assert "HTTPValidationError" not in json.dumps(whole_app()[1].openapi())


def test_the_cap_of_bodies_is_told_where_bodies_are_read() -> None:
    """413, as any other problem; and 408, the time that they may take."""
    document = whole_app()[1].openapi()
    told = {name for name, operation in operations(document) if {"408", "413"} <= operation["responses"].keys()}

    assert told == {"POST /tasks:batch", "POST /webhooks/{provider}"}


def test_the_providers_are_named() -> None:
    """Those of the app, and of webhooks the senders; an example is one of them."""
    app = FastAPI()
    for name in ("one", "other"):
        wanpoll = WanPoll(quick(name=name), quick(name="both"))
        app.include_router(wanpoll.router(allow_cancel=True), prefix=f"/{name}")
        app.include_router(wanpoll.webhooks({name: None}), prefix=f"/{name}")
    told = {
        name: parameter["schema"]["enum"]
        for name, operation in operations(app.openapi())
        for parameter in operation.get("parameters", [])
        if parameter["name"] == "provider" and parameter["schema"]["examples"] == parameter["schema"]["enum"][:1]
    }

    assert told == {
        **{f"POST /{name}/webhooks/{{provider}}": [name] for name in ("one", "other")},
        **{
            f"{method} /{name}/tasks/{{provider}}/{{id}}{more}": [name, "both"]
            for name in ("one", "other")
            for method, more in (("GET", ""), ("GET", "/events"), ("DELETE", ""))
        },
    }


def test_answers_that_say_when_to_ask_again_are_documented_so() -> None:
    """202 and 503."""
    told = {
        status
        for _, operation in operations(whole_app()[1].openapi())
        for status, response in operation["responses"].items()
        if "Retry-After" in response.get("headers", {})
    }

    assert told == {"202", "503"}


@pytest.mark.parametrize("kind", ["tasks", "webhooks"])
def test_each_router_is_whole_without_the_other(kind: str) -> None:
    """Every reference leads somewhere."""
    wanpoll = cloud_wanpoll(Cloud())
    app = FastAPI()
    app.include_router(wanpoll.router() if kind == "tasks" else wanpoll.webhooks({"dashscope": None}))
    document = app.openapi()

    references = re.findall(r'"#/components/schemas/(\w+)"', json.dumps(document))
    assert references
    assert set(references) <= set(document["components"]["schemas"])


def test_examples_fit_their_models() -> None:
    """They are what the models would read and write."""
    import wanpoll.fastapi as module

    for name in MODELS:
        model = getattr(module, name)
        for example in model.model_json_schema().get("examples", []):
            assert model.model_validate(example)


@pytest.fixture(scope="module")
def served() -> Iterator[str]:
    """The whole app in a thread of its own, as schemathesis asks synchronously."""
    app = whole_app()[1]
    server = uvicorn.Server(uvicorn.Config(app, host="127.0.0.1", port=0, log_level="critical"))
    thread = threading.Thread(target=lambda: asyncio.run(server.serve()))
    thread.start()
    while not server.started:
        thread.join(0.01)
    yield f"http://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}"
    server.should_exit = True
    thread.join(5)


# Starlette's 405 names the methods of one of its routes for a path, not of all.
schema = schemathesis.openapi.from_dict(whole_app()[1].openapi()).exclude(path_regex="/events$")
schema.config.generation.update(with_security_parameters=False)


@schema.parametrize()
@settings(max_examples=40, deadline=None, suppress_health_check=list(HealthCheck))
@pytest.mark.filterwarnings("default")
def test_routes_keep_what_the_document_promises(case: Any, served: str) -> None:
    """Statuses, media types and bodies, for good requests and for broken ones."""
    case.call_and_validate(base_url=served, excluded_checks=[allow_header_conformance])
