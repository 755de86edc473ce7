"""Begin and end runs of Weights & Biases: fixed ids, groups, no environment variable that would join two runs.

Contract: offline needs no account and no network. An attempt of the same part that was killed leaves nothing behind,
since its part is trained again from the beginning; online W&B overwrites it.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from mer.errors import MerError
from mer.train.loggers.tracked_run import Part, TrackedRun

#: Variables that belong to one run of W&B. Inherited by all runs of a process, they would make one of many; a sweep of
#: W&B sets them for the one run that it waits for, which is the summary.
OF_ONE_RUN = ("RUN_ID", "RESUME", "SWEEP_ID", "SWEEP_PARAM_PATH", "RUN_GROUP", "JOB_TYPE", "NAME", "TAGS", "NOTES")
#: Longest wait in seconds for an upload at the end of a run; what is left then stays on disk for `wandb sync`.
FINISH_SECONDS = 300.0


def begin_wandb(run: TrackedRun, part: Part) -> Any:
    """Return a new run of W&B for a part.

    Raises:
        MerError: if W&B cannot begin, e.g. without an API key or network with `logger.mode=online`.
    """
    # wandb looks up its error-reporting host at import unless told not to, even offline
    os.environ.setdefault("WANDB_ERROR_REPORTING", "false")
    import wandb

    logger, offline = run.config.logger, run.config.logger.mode != "online"
    name = run.id_of(part)
    forget_attempts(run, name)
    asked = {key: os.environ.get(f"WANDB_{key}") for key in OF_ONE_RUN}
    of_sweep: dict[str, Any] = {}
    if asked["SWEEP_ID"] and asked["RUN_ID"] and part.name == "summary" and not offline:
        of_sweep = {"sweep_id": asked["SWEEP_ID"], "sweep_param_path": asked["SWEEP_PARAM_PATH"]}
        name = str(asked["RUN_ID"])
    try:
        with _without_variables_of_one_run():
            wandb.setup()  # reads the variables, once in a process; so they are checked here each time
            wandb.Settings().update_from_env_vars(dict(os.environ))
            settings = wandb.Settings(
                console="off",
                silent=True,
                disable_git=offline,
                x_disable_stats=offline,
                x_disable_meta=offline,
                x_save_requirements=not offline,
                finish_timeout=FINISH_SECONDS,
                reinit="create_new",  # a run of the user's own in this process stays its own
                **of_sweep,
            )
            begun = wandb.init(
                id=name,
                project=os.environ.get("WANDB_PROJECT", logger.project) if of_sweep else logger.project,
                entity=os.environ.get("WANDB_ENTITY", logger.entity) if of_sweep else logger.entity,
                mode=logger.mode,  # type: ignore[arg-type]
                dir=str(run.folder),
                name=run.title_of(part),
                group=run.group,
                job_type=part.job_type,
                config=run.settings_of(part),
                tags=run.tags or None,
                notes=logger.notes,
                settings=settings,
            )
    except ValueError as error:  # pydantic's, of a WANDB_... variable that the settings do not allow
        given = ", ".join(key for key in sorted(os.environ) if key.startswith("WANDB_"))
        why = " ".join(str(error).partition("For further information")[0].split())
        raise MerError(f"W&B cannot begin ({why}); mend the environment variables: {given or 'none is set'}") from error
    except Exception as error:  # of many kinds: no key, no network, a full disk, an id that W&B keeps as deleted
        why = " ".join(str(error).split()) or type(error).__name__
        raise MerError(
            f"W&B cannot begin ({why}); logger.mode=offline needs neither account nor network, logger=csv no W&B"
        ) from error
    begun.define_metric("epoch", hidden=True)
    begun.define_metric("trainer/global_step", hidden=True)
    for metric in ("lr", *(f"{kind}_*" for kind in ("train", "held_out" if run.leaky else "validation"))):
        begun.define_metric(metric, step_metric="epoch")
    return begun


def forget_attempts(run: TrackedRun, name: str) -> None:
    """Remove what earlier attempts at the same part left in the run's folder."""
    for path in (run.folder / "wandb").glob(f"*run-*-{name}"):
        shutil.rmtree(path, ignore_errors=True)


@contextmanager
def data_folder(run: TrackedRun) -> Iterator[None]:
    """Let W&B stage the files of tables in the run's folder, where a run made offline is then whole, not at home."""
    with _variables({"WANDB_DATA_DIR": os.environ.get("WANDB_DATA_DIR", str((run.folder / "wandb").resolve()))}):
        yield


@contextmanager
def _without_variables_of_one_run() -> Iterator[None]:
    """Hide the variables `OF_ONE_RUN` in the block."""
    with _variables({f"WANDB_{key}": None for key in OF_ONE_RUN}):
        yield


@contextmanager
def _variables(values: Mapping[str, str | None]) -> Iterator[None]:
    """Set environment variables in the block, or with None hide them."""
    held = {name: os.environ.get(name) for name in values}
    _set(values)
    try:
        yield
    finally:
        _set(held)


def _set(values: Mapping[str, str | None]) -> None:
    for name, value in values.items():
        if value is None:
            os.environ.pop(name, None)
        else:
            os.environ[name] = value
