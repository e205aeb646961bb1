"""The workshop's part of the server for new sets: their sources, the plan, pictures that come in, the job."""

import asyncio
from typing import Annotated, Any

from fastapi import FastAPI, Query, Request
from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError

from studio.workshop.folders import BusyError, NotThereError, Root
from studio.workshop.new_set import NewSet, Plan, Planned, make_again
from studio.workshop.set_jobs import JobRunner, JobState, RefusedFile, SetJob
from studio.workshop.sources import Sources, find_sources
from studio.workshop.uploads import MAX_ZIP_BYTES, YEAR_2100_MS, NotTakenError, SentFile, Upload

API = "/api/workshop"


def bytes_body(description: str) -> dict[str, Any]:
    """What OpenAPI says of a request that is bytes."""
    content = {"application/octet-stream": {"schema": {"type": "string", "format": "binary"}}}
    return {"requestBody": {"required": True, "description": description, "content": content}}


PIECE = bytes_body("The piece")
WHOLE_FILES = bytes_body(
    "A line of JSON, a list of `name`, `size` and `modified_ms`; then the files' bytes, one file after the other"
)

SetName = Annotated[str, Query(max_length=60, description="The new set's name")]
FileName = Annotated[str, Query(max_length=1000, description="With the folders that it is in")]
FileSize = Annotated[int, Query(ge=0, le=MAX_ZIP_BYTES, description="Of the whole file, bytes")]
Modified = Annotated[
    int, Query(ge=0, le=YEAR_2100_MS, description="When the file was changed last, ms since 1970")
]
Offset = Annotated[int, Query(ge=0, le=MAX_ZIP_BYTES, description="Of the piece in the file")]


class UploadRequest(NewSet):
    """Pictures are to come for a new set."""

    files: int = Field(ge=1)
    bytes: int = Field(ge=0)


class UploadBegun(BaseModel):
    """They may come."""

    begun: bool
    """Some are here already: ask for each how much of it."""


SENT_FILES = TypeAdapter(list[SentFile])


class Taken(BaseModel):
    """All are here but these."""

    refused: list[RefusedFile]


class Received(BaseModel):
    """How much of a file is here."""

    received: int


class BuildRequest(BaseModel):
    """Make a set anew."""

    model_config = ConfigDict(extra="forbid")

    folder: str = Field(max_length=1000)


def add_new_set_routes(app: FastAPI, root: Root, problems: dict[int | str, dict[str, Any]]) -> JobRunner:
    """All that makes sets; returns what does it, which is to be resumed."""
    runner = JobRunner(root)
    add_job_routes(app, root, runner, problems)
    add_upload_routes(app, root, runner, problems)
    return runner


def add_job_routes(app: FastAPI, root: Root, runner: JobRunner, problems: dict[int | str, dict[str, Any]]) -> None:
    """What a set can be made of, what will be done, and how far it is."""

    def start(job: SetJob) -> JobState:
        runner.start(job)
        return runner.state

    @app.get(f"{API}/new/sources", responses=problems)
    def sources() -> Sources:
        return find_sources(root)

    @app.post(f"{API}/new/plan", responses=problems)
    def plan(wanted: NewSet) -> Plan:
        return Planned(root, wanted).plan()

    @app.post(f"{API}/new/estimate", status_code=202, responses=problems)
    def estimate(wanted: NewSet) -> JobState:
        return start(Planned(root, wanted).estimate_job())

    @app.post(f"{API}/new/start", status_code=202, responses=problems)
    def make(wanted: NewSet) -> JobState:
        return start(Planned(root, wanted).job())

    @app.post(f"{API}/build", status_code=202, responses=problems)
    def build(wanted: BuildRequest) -> JobState:
        return start(make_again(root, root.find_set(wanted.folder)))

    @app.post(f"{API}/new/stop", responses=problems)
    def stop() -> JobState:
        runner.stop()
        return runner.state

    @app.post(f"{API}/new/discard", responses=problems)
    def discard(wanted: NewSet) -> Sources:
        refuse_while_made(runner, wanted.name)
        Planned(root, wanted).discard()
        return find_sources(root)

    @app.get(f"{API}/new/state", responses=problems)
    def state() -> JobState:
        return runner.state


def refuse_while_made(runner: JobRunner, name: str) -> None:
    """BusyError where the set of that name is being made: its raw pictures are not to be taken away."""
    if runner.state.running and runner.state.name == name:
        raise BusyError(f"{name} is being made; stop it first")


def add_upload_routes(
    app: FastAPI, root: Root, runner: JobRunner, problems: dict[int | str, dict[str, Any]]
) -> None:
    """Pictures from a browser, piece by piece."""
    uploads: dict[str, Upload] = {}

    def upload_for(name: str) -> Upload:
        if name not in uploads:
            raise NotThereError(f"{name:.60}: no upload has begun; drop the pictures again")
        return uploads[name]

    @app.post(f"{API}/upload", responses=problems)
    def begin(wanted: UploadRequest) -> UploadBegun:
        if wanted.source != "upload":
            raise NotTakenError("Only source upload has pictures sent to it.")
        refuse_while_made(runner, wanted.name)
        planned = Planned(root, NewSet(**wanted.model_dump(exclude={"files", "bytes"})))
        begun = planned.begin_upload(wanted.files, wanted.bytes)
        uploads[wanted.name] = planned.upload
        return UploadBegun(begun=begun)

    @app.post(f"{API}/upload/files", responses=problems, openapi_extra=WHOLE_FILES)
    async def files(request: Request, name: SetName) -> Taken:
        upload = upload_for(name)
        line, _, content = (await request.body()).partition(b"\n")
        try:
            sent = SENT_FILES.validate_json(line)
        except ValidationError as error:
            raise NotTakenError(f"files: the first line: {error.errors()[0]['msg']}") from None
        refused = await asyncio.to_thread(upload.write_together, sent, content)
        return Taken(refused=[RefusedFile(**each._asdict()) for each in refused])

    @app.get(f"{API}/upload/piece", responses=problems)
    def received(name: SetName, file: FileName, size: FileSize, modified_ms: Modified) -> Received:
        return Received(received=upload_for(name).received(file, size, modified_ms))

    @app.post(f"{API}/upload/piece", responses=problems, openapi_extra=PIECE)
    async def piece(  # a file's place and length
        request: Request, name: SetName, file: FileName, size: FileSize, modified_ms: Modified, offset: Offset = 0
    ) -> Received:
        upload, content = upload_for(name), await request.body()
        return Received(received=await asyncio.to_thread(upload.write, file, offset, size, modified_ms, content))
