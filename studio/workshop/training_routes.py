"""The workshop's part of the server that trains: runs, the queue, what a training would cost."""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import ExitStack
from pathlib import Path
from typing import Annotated, Any

from fastapi import FastAPI, Query
from fastapi.responses import FileResponse, Response
from pydantic import BaseModel, ConfigDict, Field

from gan.errors import GanError
from gan.runs.model_files import CONFIG_FILE, GENERATOR_FILE, built_in_model
from studio.errors import StudioError
from studio.workshop.boards import BoardView, board_view
from studio.workshop.folders import BusyError, NotThereError, Root, WorkshopError
from studio.workshop.routes import API, NOT_THERE
from studio.workshop.run_folders import RunFolders
from studio.workshop.run_state import MAX_NOTE_CHARS, RunState, RunSummary, describe_run
from studio.workshop.training_command import (
    DryRuns,
    Minutes,
    Preset,
    RunName,
    TrainingCost,
    TrainingPlan,
    TrainingWish,
    cost_key,
    plan,
    presets,
    resume_job,
)
from studio.workshop.training_queue import TrainingQueue
from studio.workshop.vgc_command import as_text

MAX_RUNS = 200
"""In the list."""

RunFolderName = Annotated[str, Query(max_length=1000, description="A run's path below the root")]
A_MINUTE = {"Cache-Control": "private, max-age=60"}
"""A list that is drawn anew asks once; a run that is deleted and trained again soon shows its own."""
BOARD: dict[int | str, dict[str, Any]] = {
    200: {
        "description": "A PNG as it was saved, or a WebP",
        "content": {
            kind: {"schema": {"type": "string", "format": "binary"}} for kind in ("image/png", "image/webp")
        },
    }
}
UseModel = Callable[[Path], Awaitable[None]]
"""Has the studio draw with another generator file."""


class Trainings(BaseModel):
    """All runs, and what can be chosen for a new one."""

    presets: list[Preset]
    """The default first."""
    runs: list[RunSummary]
    """Those of the queue first, in order; then the newest first."""


class RunChoice(BaseModel):
    """Which run."""

    model_config = ConfigDict(extra="forbid")

    run: str = Field(max_length=1000)


class GoOn(RunChoice):
    """Go on with a run, to its own end or longer."""

    more_minutes: Minutes | None = None


class Rename(RunChoice):
    """Another name for a run."""

    name: RunName


class Note(RunChoice):
    """A person's note on a run."""

    note: str = Field(max_length=MAX_NOTE_CHARS)


class Delete(RunChoice):
    """Delete a run."""

    name: RunName
    """Its folder's name once more."""


def add_training(app: FastAPI, folder: Path, use_model: UseModel, on_close: ExitStack) -> TrainingQueue:
    """Add what trains in a folder to a server; returns the queue, which is to be resumed and closed.

    ``on_close`` gets what ends the work that requests wait for.
    """
    root = Root(folder)
    queue = TrainingQueue(root)
    runs = RunFolders(root, queue)
    add_run_routes(app, root, queue, runs)
    dry_runs = DryRuns(root)
    on_close.callback(dry_runs.close)
    add_start_routes(app, root, queue, runs, dry_runs)
    add_queue_routes(app, root, queue, runs)
    add_folder_routes(app, queue, runs)
    add_model_route(app, runs, use_model)
    return queue


def add_run_routes(app: FastAPI, root: Root, queue: TrainingQueue, runs: RunFolders) -> None:
    """What there is to see of runs."""

    @app.get(f"{API}/trainings", responses=NOT_THERE)
    def trainings() -> Trainings:
        now = queue.read()
        known = [describe_run(root.folder / run, run, now) for run in runs.list()[:MAX_RUNS]]
        summaries = [
            RunSummary(**{name: getattr(each, name) for name in RunSummary.model_fields}) for each in known
        ]
        return Trainings(presets=presets(), runs=summaries)

    @app.get(f"{API}/run", responses=NOT_THERE)
    def run_state(run: RunFolderName) -> RunState:
        return describe_run(runs.find(run), run, queue.read())

    @app.get(f"{API}/sample", response_class=Response, responses={**NOT_THERE, **BOARD})
    def sample(
        run: RunFolderName, name: Annotated[str, Query(pattern="^([0-9]{8,12}|real)$")], view: BoardView = "file"
    ) -> Response:
        file = runs.find(run) / "samples" / f"{name}.png"
        if not file.is_file() or not root.holds(file):
            raise NotThereError(f"{run:.200}: no samples of {name} pictures shown")
        if view == "file":
            return FileResponse(file, media_type="image/png")
        return Response(board_view(file, view), media_type="image/webp", headers=A_MINUTE)


def add_start_routes(app: FastAPI, root: Root, queue: TrainingQueue, runs: RunFolders, dry_runs: DryRuns) -> None:
    """What a training would be, what it would cost, and its start."""
    costs: dict[tuple[str, int, str], TrainingCost] = {}
    measuring = asyncio.Lock()

    @app.post(f"{API}/training/plan", responses=NOT_THERE)
    def training_plan(wish: TrainingWish) -> TrainingPlan:
        job = plan(root, wish, runs.is_taken)
        return TrainingPlan(run=job.run, command=as_text(job.arguments))

    @app.post(f"{API}/training/cost", responses=NOT_THERE)
    async def training_cost(wish: TrainingWish) -> TrainingCost:
        plan(root, wish, runs.is_taken)  # refused at once where it makes no sense
        async with measuring:  # two at a time would measure each other
            key = cost_key(root, wish)
            if key not in costs:
                costs[key] = await asyncio.to_thread(dry_runs.cost, wish)
        return costs[key]

    @app.post(f"{API}/training", status_code=202, responses=NOT_THERE)
    def start_training(wish: TrainingWish) -> RunState:
        job = plan(root, wish, runs.is_taken)
        queue.add(job)
        return describe_run(runs.find(job.run), job.run, queue.read())


def add_queue_routes(app: FastAPI, root: Root, queue: TrainingQueue, runs: RunFolders) -> None:
    """Pause, go on, stop, leave the queue."""

    def state(run: str) -> RunState:
        return describe_run(runs.find(run), run, queue.read())

    @app.post(f"{API}/run/pause", responses=NOT_THERE)
    def pause(wanted: RunChoice) -> RunState:
        queue.stop(wanted.run, holds=True)
        return state(wanted.run)

    @app.post(f"{API}/run/stop", responses=NOT_THERE)
    def stop(wanted: RunChoice) -> RunState:
        queue.stop(wanted.run, holds=False)
        return state(wanted.run)

    @app.post(f"{API}/run/go-on", status_code=202, responses=NOT_THERE)
    def go_on(wanted: GoOn) -> RunState:
        now = queue.read()
        if now.job_of(wanted.run):
            queue.release(wanted.run)
        else:
            path = runs.find_idle(wanted.run)
            run, earlier = root.name_of(path), describe_run(path, wanted.run, now)
            if not (path / CONFIG_FILE).is_file():
                raise BusyError(f"{wanted.run} never began: start a new training")
            if earlier.state == "ended" and wanted.more_minutes is None:
                raise BusyError(f"{wanted.run} has reached its end: say for how many more minutes")
            queue.add(resume_job(run, earlier.minutes, wanted.more_minutes))
        return state(wanted.run)

    @app.post(f"{API}/run/leave-queue", responses=NOT_THERE)
    def leave_queue(wanted: RunChoice) -> RunChoice:
        queue.remove(wanted.run)
        return wanted


def add_folder_routes(app: FastAPI, queue: TrainingQueue, runs: RunFolders) -> None:
    """Rename, note, delete."""

    @app.post(f"{API}/run/rename", responses=NOT_THERE)
    def rename(wanted: Rename) -> RunState:
        run = runs.rename(wanted.run, wanted.name)
        return describe_run(runs.find(run), run, queue.read())

    @app.post(f"{API}/run/note", responses=NOT_THERE)
    def note(wanted: Note) -> RunState:
        runs.note(wanted.run, wanted.note)
        return describe_run(runs.find(wanted.run), wanted.run, queue.read())

    @app.post(f"{API}/run/delete", responses=NOT_THERE)
    def delete(wanted: Delete) -> RunChoice:
        runs.delete(wanted.run, wanted.name)
        return RunChoice(run=wanted.run)


def add_model_route(app: FastAPI, runs: RunFolders, use_model: UseModel) -> None:
    """Which model the creator draws with."""

    @app.post(f"{API}/model", responses=NOT_THERE, description="Of no run (empty): the built-in one.")
    async def model(wanted: RunChoice) -> RunChoice:
        file = runs.find(wanted.run) / GENERATOR_FILE if wanted.run else built_in_model()
        if not file.is_file():
            raise NotThereError(f"{wanted.run:.200}: has no generator yet")
        try:
            await use_model(file)
        except (GanError, StudioError) as error:
            raise WorkshopError(str(error)) from None
        return wanted
