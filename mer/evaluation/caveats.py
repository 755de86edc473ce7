"""Write the warnings that belong to a run's scores, and their distance to the best baseline.

Contract: pure functions of the dict of `results.summarise`, shared by console and report so that both say the same.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from mer.evaluation.baselines.null_tests import linear_verdict, may_know

#: Headings of the scores, in the order in which they are shown.
HEADINGS = {"uf1": "UF1", "uar": "UAR", "accuracy": "accuracy", "weighted_f1": "weighted F1"}


def score_flags(*runs: Mapping[str, Any]) -> dict[str, str]:
    """Return the flags of a score for columns of tables: `selection`, `null`, `waived`.

    Each holds the values of all runs, spaces between: what chose the epochs, the kind of null run or `none`, and names
    of the leak audit's waived findings.
    """
    waived = (row["name"] for results in runs for row in (results.get("leaks") or {}).get("findings", []))
    return {
        "selection": " ".join(dict.fromkeys(results.get("selection", "") for results in runs)),
        "null": " ".join(dict.fromkeys(results.get("null", "none") for results in runs)),
        "waived": " ".join(dict.fromkeys(waived)),
    }


def name_prefix(results: Mapping[str, Any]) -> str:
    """Return `LEAKY `, `NULL `, both or "", the prefix for the name of a run whose scores are not a result."""
    leaky = "LEAKY " if results.get("selection") == "leaky" else ""
    return leaky + ("NULL " if results.get("null", "none") != "none" else "")


def unseen_claim(results: Mapping[str, Any]) -> tuple[str, str]:
    """Return a caption on what the run may claim: whether networks saw the samples and subjects that they predict."""
    leaks = results.get("leaks") or {}
    others = "Each person was tested by a network trained on others"
    if results.get("selection") == "leaky":
        return (
            "by a network whose epoch was chosen on these very samples (leaky)",
            f"{others}, but stopped at the epoch that was best on this very person (leaky).",
        )
    if leaks.get("findings"):
        return (
            "by a network that may have seen its subject, for findings of the leak audit were waived",
            "Each person was to be tested by a network trained on others; waived findings of the leak audit say where "
            "that may not hold.",
        )
    if leaks.get("weights") == "unknown":
        return (
            "by a network that never saw its subject in this run; what its first weights had seen is not known",
            f"{others} in this run; whom its first weights (init.path) had seen is not known.",
        )
    return "by a network that never saw its subject", f"{others}."


def null_warning(results: Mapping[str, Any]) -> str:
    """Say how to read the score of a null run."""
    found = f"Null run ({results['null']}): "
    if may_know(results):
        return (
            f"{found}its weights begin as those of init.path, whose labels nobody shuffled; a score above chance may "
            "be what they knew of the task before, and is then no fault; begin with init=random to test the machinery."
        )
    return found + "a score above chance here would be a fault, not a finding."


def warnings(results: Mapping[str, Any]) -> list[str]:
    """Return the warnings to read before any number, in sentences; none for a complete run on real data."""
    data, found = results["data"], []
    if results.get("selection") == "leaky":
        found.append(
            "LEAKY: the epoch of each fold was chosen on the very samples that it is scored on. These scores are "
            "inflated, only show what that does, and must not be reported as a result."
        )
    waived = (results.get("leaks") or {}).get("findings", [])
    if waived:
        found.append(
            f"Waived: {len(waived)} finding{'s' if len(waived) > 1 else ''} of the leak audit "
            f"({', '.join(row['name'] for row in waived)}). What is tested may have been seen in training."
        )
    if results["synthetic"]:
        found.append("Synthetic data: these scores say nothing about real micro-expressions.")
    if results.get("null", "none") != "none":
        found.append(null_warning(results))
    if not results["complete"]:
        found.append(
            f"Incomplete: {len(results['failed_folds'])} of {results['protocol']['folds']} folds have no result; "
            f"scores are over {data['scored']} of {data['samples']} samples."
        )
    parts = {"the pool": results["scores"]["all"], **results["scores"]["by_dataset"]}
    found += [
        f"UF1 and UAR are not defined for {name}: {row['not_defined']}."
        for name, row in parts.items()
        if "not_defined" in row
    ]
    return found


def leak_lines(results: Mapping[str, Any]) -> list[str]:
    """Say what the leak audit checked and found, or that an old run had no audit."""
    leaks = results.get("leaks")
    if leaks is None:
        return ["No leak audit was made."]
    found = leaks["findings"]
    outcome = f"{len(found)} waived: {', '.join(row['name'] for row in found)}." if found else "Nothing found."
    unused = f" Waivers without a finding: {', '.join(leaks['unused'])}." if leaks["unused"] else ""
    return [outcome + unused, *leaks["checked"]]


def members(results: Mapping[str, Any]) -> dict[str, Any] | None:
    """Return the averaged networks of a fold for tables: `count`, and `rows` of score by name; None for one network.

    Rows are each member, their mean and deviation, and the ensemble, which is the run's own score.
    """
    found = results.get("members")
    if not found:
        return None
    rows = {f"member {name}": dict(values) for name, values in found["scores"].items()}
    rows |= {"mean": dict(found["mean"]), "deviation": dict(found["deviation"])}
    rows["together"] = {key: results["scores"]["all"][key]["value"] for key in HEADINGS}
    return {"count": len(found["scores"]), "rows": rows}


def null_tests(results: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Return the null tests of a run in order: title, `passed` (None if not a test), verdict, description."""
    titles = {
        "permuted_labels": "Permuted labels",
        "onset_only": "Onset only",
        "linear": "Linear baseline",
        "identity": "Identity probe",
    }
    found = []
    for name, row in (results.get("sanity") or {}).items():
        verdict = row.get("verdict") or linear_verdict(row, results["scores"]["all"]["uf1"]["value"])
        found.append(
            {
                "title": titles[name],
                "passed": row.get("passed"),
                "verdict": verdict,
                "description": row["description"],
            }
        )
    return found


def remarks(results: Mapping[str, Any]) -> list[str]:
    """Say what the protocol adds to the pooled scores: the means of a challenge, the recipes that folds chose."""
    found = []
    challenge = results.get("challenge")
    if challenge:
        parts = "; ".join(
            f"{name} WAR {_score(row['war'])}, UAR {_score(row['uar'])}"
            for name, row in challenge["directions"].items()
        )
        found.append(f"{challenge['name']}: WAR {_score(challenge['war'])}, UAR {_score(challenge['uar'])} ({parts}).")
    chosen = results.get("candidates")
    if chosen:
        folds = ", ".join(f"{line or 'as configured'} in {count}" for line, count in chosen.items())
        found.append(f"Recipes chosen inside the training parts, by folds: {folds}.")
    decision = results.get("decision")
    if decision:
        found.append(_decided(decision))
    return found


def _decided(decision: Mapping[str, Any]) -> str:
    """Say by which rule classes were decided, and how strong its correction was."""
    if not decision["strengths"]:
        return f"Decision rule {decision['rule']}: no fold trained on samples, so the likeliest class was taken."
    strengths = ", ".join(f"{one} in {count}" for one, count in decision["strengths"].items())
    how = "chosen on inner parts of the training subjects" if decision["chosen"] else "fixed in advance"
    goal = " and then for the highest expected UF1" if decision["rule"] == "uf1" else ""
    return (
        f"Decision rule {decision['rule']}: corrected for the class shares of the training samples of each data set"
        f"{goal}, {how}; strength by folds: {strengths}. Probabilities are the network's own."
    )


def _score(value: float | None) -> str:
    """Return a score as `.561`, or that it is not defined."""
    return "not defined" if value is None else f"{value:.3f}".removeprefix("0")


def best_baseline(results: Mapping[str, Any], metric: str = "uf1") -> tuple[str, float] | None:
    """Return (name, value) of the best baseline in `metric`; None if none is defined."""
    values = {name: row[metric]["value"] for name, row in results["baselines"].items()}
    defined = {name: value for name, value in values.items() if value is not None}
    return max(defined.items(), key=lambda item: item[1]) if defined else None


def margin(results: Mapping[str, Any], metric: str = "uf1") -> float | None:
    """Return the run's score minus the best baseline; None if one is undefined."""
    best, value = best_baseline(results, metric), results["scores"]["all"][metric]["value"]
    return None if best is None or value is None else value - best[1]
