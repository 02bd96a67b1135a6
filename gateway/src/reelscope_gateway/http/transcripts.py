"""/v1/jobs/{id}/transcript.{srt,vtt}: the transcript as subtitles."""

from __future__ import annotations

import asyncio

from fastapi import APIRouter, Response

from reelscope_gateway.exports.formats import FORMATS
from reelscope_gateway.exports.script import TRANSCRIPTION
from reelscope_gateway.http.openapi import TRANSCRIPT_ANSWERS, problem_answers
from reelscope_gateway.jobs.document import GOOD
from reelscope_gateway.jobs.service import JobService
from reelscope_runtime.errors import NotFoundError


def transcripts_router(service: JobService) -> APIRouter:
    """The route."""
    router = APIRouter(prefix="/v1", tags=["jobs"])

    @router.get("/jobs/{job_id}/transcript.{export_format}", responses=TRANSCRIPT_ANSWERS | problem_answers(404, 409, 503))
    async def get_transcript(job_id: str, export_format: str) -> Response:
        """The transcript of a job that has succeeded, as subtitles: srt or vtt; empty where nothing was said."""
        form = FORMATS.get(export_format)
        if form is None:
            known = ", ".join(FORMATS)
            raise NotFoundError(f"no transcript format {export_format!r}; there are: {known}", code="unknown_format")
        document = await service.result(job_id)
        if TRANSCRIPTION not in document.analyzer_results or document.analyzer_results[TRANSCRIPTION].status not in GOOD:
            raise NotFoundError(f"job {job_id} has no transcript: {TRANSCRIPTION} was not run, or failed", code="no_transcript")
        text = await asyncio.to_thread(form.render, document)
        disposition = f'attachment; filename="{job_id}.{form.name}"'
        return Response(text, media_type=form.media_type, headers={"Content-Disposition": disposition})

    return router
