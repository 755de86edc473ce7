"""Build a workspace and a report of W&B for the runs of a project; nothing is sent before `save`.

Contract: names the keys that `mer.train.cross_validation.wandb_tracking` logs; a test compares them. Importing it needs
the extra `mer[dashboard]`. What W&B cannot draw is on the page of `mer dashboard --html`: intervals around a score
(here low and high are bars beside it) and the grid of placement and depth (here one axis each).
"""

from __future__ import annotations

import json
from typing import Any

import wandb_workspaces.reports.v2 as wr
import wandb_workspaces.workspaces as ws

NAME = "Micro-expressions: results"
#: Job types whose scores are results; those of null runs are not.
RESULT = "summary"


def workspace(entity: str, project: str) -> ws.Workspace:
    """Return the workspace: scores, attention and predictions of experiments, then curves of their folds."""
    sections = [
        ws.Section(name=name, panels=panels, is_open=place < 3)
        for place, (name, panels) in enumerate(
            (
                ("Scores", score_panels()),
                ("Placement and depth", placement_panels()),
                ("Subjects and predictions", subject_panels()),
                ("Attention", [wr.MediaBrowser(title="Attention", media_keys=["attention"], num_columns=2)]),
                ("Training of the folds", curve_panels()),
            )
        )
    ]
    return ws.Workspace(entity=entity, project=project, name=NAME, sections=sections)


def report(entity: str, project: str) -> wr.Report:
    """Return the report: results, then null runs, then curves, each with what limits them in words."""

    def grid(name: str, job_type: str, panels: list[Any]) -> wr.PanelGrid:
        runs = wr.Runset(name=name, filters=ws.And(ws.Config("job_type") == job_type))
        return wr.PanelGrid(runsets=[runs], panels=panels)

    return wr.Report(
        entity=entity,
        project=project,
        title=NAME,
        description="Scores pooled over folds; every subject was tested by a network that was trained on others.",
        blocks=[
            wr.P(
                "Runs with the tag leaky chose their epochs on test samples, and those with the tag synthetic saw "
                "drawn faces: their scores are no results on real micro-expressions. Choosing a run by its score "
                "would be selection on the test subjects."
            ),
            wr.H2("Results"),
            grid("results", RESULT, [*score_panels(), *placement_panels()]),
            wr.H2("Subjects, predictions and attention"),
            grid("results", RESULT, [*subject_panels(), wr.MediaBrowser(title="Attention", media_keys=["attention"])]),
            wr.H2("Null runs: what they score is chance or a leak"),
            grid("null runs", "null", score_panels()),
            wr.H2("Training of the folds"),
            grid("folds", "fold", curve_panels()),
        ],
    )


def serialised(made: ws.Workspace | wr.Report) -> dict[str, Any]:
    """Return what would be sent to W&B, as plain values."""
    return json.loads(made._to_model().model_dump_json(by_alias=True))


def score_panels() -> list[Any]:
    """Return panels of pooled scores, their intervals and the best baseline."""
    return [
        wr.BarPlot(title="UF1 with the ends of its 95% interval", metrics=["uf1_low", "uf1", "uf1_high"]),
        wr.BarPlot(title="UF1 above the best baseline", metrics=["above_baseline"]),
        wr.BarPlot(title="UAR with the ends of its 95% interval", metrics=["uar_low", "uar", "uar_high"]),
        wr.BarPlot(title="Action units: mean AUC and F1", metrics=["auc", "f1"]),
        wr.MediaBrowser(title="Confusion matrices", media_keys=["confusion_matrix"]),
    ]


def placement_panels() -> list[Any]:
    """Return panels of UF1 over placement of attention and depth of the network."""
    column = wr.ParallelCoordinatesPlotColumn
    return [
        wr.ParallelCoordinatesPlot(
            title="Placement, depth and UF1",
            columns=[
                column(metric=wr.Config("model.attention.stages")),
                column(metric=wr.Config("model.depth")),
                column(metric=wr.SummaryMetric("objective")),
                column(metric=wr.SummaryMetric("uf1")),
            ],
        ),
        wr.BarPlot(
            title="UF1 by placement of attention",
            metrics=["uf1"],
            groupby=wr.Config("model.attention.stages"),
            groupby_aggfunc="mean",
            groupby_rangefunc="minmax",
        ),
        wr.ScatterPlot(title="UF1 by parameters", x=wr.SummaryMetric("parameters"), y=wr.SummaryMetric("uf1")),
    ]


def subject_panels() -> list[Any]:
    """Return panels of each subject, and the table of all predictions."""
    return [
        wr.CustomChart(
            query={"summaryTable": {"tableKey": "per_subject_table"}},
            chart_name="wandb/bar/v0",
            chart_fields={"label": "subject", "value": "accuracy"},
            chart_strings={"title": "Accuracy of each subject"},
        ),
        wr.WeavePanelSummaryTable(table_name="predictions"),
    ]


def curve_panels() -> list[Any]:
    """Return panels of curves; those of all folds of an experiment lie over each other."""
    return [
        wr.LinePlot(title=title, x="epoch", y=[key], groupby=wr.Config("config_hash"), groupby_rangefunc="minmax")
        for title, key in (
            ("Training loss", "train_loss"),
            ("Training accuracy", "train_accuracy"),
            ("UF1 on the inner split", "validation_uf1"),
            ("Learning rate", "lr"),
        )
    ]
