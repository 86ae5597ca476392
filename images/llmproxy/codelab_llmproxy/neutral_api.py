"""The routes of the neutral lane that no token passes through."""

from typing import Annotated, Any

from fastapi import FastAPI, Header, Response
from starlette.routing import Route

from codelab_core.middleware import Receive, Scope, Send
from codelab_core.protocol.inference import InferenceView, ModelInfo, ProviderView
from codelab_core.service import json_response
from codelab_llmproxy.health import Health
from codelab_llmproxy.hot import ChatEndpoint, Lane, StreamEndpoint
from codelab_llmproxy.inference import Inference
from codelab_llmproxy.inferences import Inferences, Offered
from codelab_llmproxy.providers import Provider


class RawRoute(Route):
    """A route to an ASGI application that log lines and metrics can name."""

    async def handle(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Leave the route in the scope, where FastAPI leaves its own."""
        scope["route"] = self
        await super().handle(scope, receive, send)


def add_routes(app: FastAPI, lane: Lane, inferences: Inferences, offer: Offered) -> None:
    """Add every route of the neutral lane."""
    app.router.routes += [
        RawRoute("/llm/stream", StreamEndpoint(lane), methods=["POST"]),
        RawRoute("/llm/chat", ChatEndpoint(lane), methods=["POST"]),
    ]

    @app.get("/llm/models", response_model=list[ModelInfo])
    async def models() -> Response:
        """Every model and alias, as a bare array."""
        shown = [model.model_dump(mode="json") for model in offer.catalogue.models()]
        return json_response(shown)

    @app.get("/llm/providers", response_model=list[ProviderView])
    async def providers() -> Response:
        """The providers; never a key, never an address."""
        shown = [provider_view(one, inferences.health) for one in offer.catalogue.providers]
        return json_response([view.model_dump(exclude_none=True) for view in shown])

    @app.get("/llm/inferences/{inference_id}", response_model=InferenceView)
    async def inference(inference_id: str) -> Response:
        """Where one inference stands."""
        return json_response(view(inferences.find(inference_id)))

    @app.delete("/llm/inferences/{inference_id}", status_code=204, response_model=None)
    async def cancel(
        inference_id: str, x_fence: Annotated[int | None, Header()] = None
    ) -> Response:
        """Cancel it, or let go of its record; an unknown one is as good as cancelled."""
        inferences.cancel(inference_id, x_fence)
        return Response(status_code=204)


def provider_view(provider: Provider, health: Health) -> ProviderView:
    """A provider as callers see it."""
    models = provider.models()
    return ProviderView(
        name=provider.name,
        kind=provider.kind,
        models=len(models),
        targets=[health.view(provider.name, model.label) for model in models],
    )


def view(inference: Inference) -> dict[str, Any]:
    """An inference as callers see it; `head` is the index of the next chunk."""
    usage = inference.usage
    return {
        "inference_id": inference.id,
        "state": inference.state,
        "head": inference.record.head,
        "model": inference.target.model,
        "provider": inference.target.provider.name,
        "usage": usage.model_dump(exclude_none=True) if usage else {},
    }
