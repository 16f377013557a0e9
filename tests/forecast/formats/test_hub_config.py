"""A release as a hub: its configuration, its layout, and what its checks find."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from pathlib import PurePosixPath
from typing import Any

import jsonschema
import pandas as pd
import pyarrow as pa
import pytest
import yaml
from hubverse_rules import schema
from make_result import make_result

from harmattan.forecast.formats import hub_config
from harmattan.forecast.formats import hub_table as hub

RESULT = make_result()
FILES = hub_config.hub_files(
    hub.hub_rows(RESULT.draws), hub.hub_rows(RESULT.countries), "UCDP GED 24.1: counts", "0.1.0"
)
OUTPUT = "hub/model-output/harmattan-pool/2023-12-31-harmattan-pool.parquet"
TASKS: dict[str, Any] = json.loads(str(FILES["hub/hub-config/tasks.json"]))


def output() -> pd.DataFrame:
    table = FILES[OUTPUT]
    assert isinstance(table, pa.Table)
    return table.to_pandas()


def violations(name: str, content: dict[str, Any]) -> list[str]:
    kind = jsonschema.Draft202012Validator
    return [e.message for e in kind(schema(name), format_checker=kind.FORMAT_CHECKER).iter_errors(content)]


def test_files_are_where_a_hub_has_them() -> None:
    assert sorted(FILES) == [
        "hub/hub-config/admin.json",
        "hub/hub-config/model-metadata-schema.json",
        "hub/hub-config/tasks.json",
        "hub/model-metadata/harmattan-pool.yml",
        OUTPUT,
    ]


@pytest.mark.parametrize("name", ["tasks", "admin"])
def test_the_configuration_keeps_hubverses_rules(name: str) -> None:
    assert violations(name, json.loads(str(FILES[f"hub/hub-config/{name}.json"]))) == []


@pytest.mark.parametrize("zone", ["UTC", "Etc/UTC", "Indian/Antananarivo", "Australia/Sydney"])
def test_any_theatres_time_zone_is_one_that_hubs_know(zone: str) -> None:
    assert violations("admin", hub_config.admin(None, zone)) == []
    assert "Africa" not in hub_config.admin(None, zone)["timezone"]


@pytest.mark.parametrize(
    ("contact", "name", "email"),
    [
        (None, "The publisher of this release", None),
        ("Early Warning Desk, desk@example.org", "Early Warning Desk", "desk@example.org"),
        ("desk@example.org", "desk@example.org", "desk@example.org"),
        ("Desk (Niamey) <desk@example.org>", "Desk (Niamey)", "desk@example.org"),
        ("Room 4, Main Street 1", "Room 4, Main Street 1", None),
        ('"}, <script>alert(1)</script> @', '"}, <script>alert(1)</script> @', None),
    ],
)
def test_a_contact_is_a_name_and_an_address(contact: str | None, name: str, email: str | None) -> None:
    table, countries = hub.hub_rows(RESULT.draws), hub.hub_rows(RESULT.countries)
    files = hub_config.hub_files(table, countries, "counts", "0.1.0", contact=contact)
    written = json.loads(str(files["hub/hub-config/admin.json"]))
    assert written["contact"] == ({"name": name, "email": email} if email else {"name": name})
    assert violations("admin", written) == []


@pytest.mark.parametrize(
    ("where", "value"),
    [
        (("rounds", 0, "model_tasks", 0, "output_type", "mean", "output_type_id"), {"required": ["NA"]}),
        (("rounds", 0, "model_tasks", 0, "output_type", "cdf", "value"), {"type": "double"}),
        (("rounds", 0, "model_tasks", 0, "output_type", "quantile", "is_required"), "yes"),
        (("rounds", 0, "model_tasks", 0, "task_ids", "horizon"), {"required": [1]}),
        (("rounds", 0, "model_tasks", 0, "target_metadata", 0, "time_unit"), "fortnight"),
        (("rounds", 0, "submissions_due"), {"start": 1, "end": 2}),
        (("derived_task_ids",), "target_end_date"),
    ],
)
def test_the_rules_would_notice_a_wrong_configuration(where: tuple[Any, ...], value: Any) -> None:
    broken = json.loads(json.dumps(TASKS))
    node = broken
    for key in where[:-1]:
        node = node[key]
    node[where[-1]] = value
    assert violations("tasks", broken)


def test_the_configuration_agrees_with_itself() -> None:
    """What hubverse asks of a configuration besides its schemas: every name and value leads somewhere."""
    group = TASKS["rounds"][0]["model_tasks"][0]
    task_ids = group["task_ids"]
    assert TASKS["rounds"][0]["round_id"] in task_ids
    assert set(TASKS["derived_task_ids"]) <= set(task_ids)
    assert not {"model_id", "output_type", "output_type_id", "value"} & set(task_ids)
    for values in task_ids.values():
        both = [*(values["required"] or []), *(values["optional"] or [])]
        assert both
        assert len(set(both)) == len(both)
    keys = [about["target_keys"] for about in group["target_metadata"]]
    assert keys == [{"target": name} for name in task_ids["target"]["required"]]
    assert group["output_type"]["cdf"]["output_type_id"]["required"] == sorted(hub.THRESHOLDS)


def test_the_name_of_the_output_gives_round_team_and_model() -> None:
    word = r"[A-Za-z0-9_]+"
    parts = re.fullmatch(rf"(\d{{4}}-\d\d-\d\d)-({word})-({word})", PurePosixPath(OUTPUT).stem)
    assert parts is not None
    assert parts.groups() == ("2023-12-31", hub_config.TEAM, hub_config.MODEL)
    assert PurePosixPath(OUTPUT).parent.name == hub_config.MODEL_ID
    assert parts[1] in TASKS["rounds"][0]["model_tasks"][0]["task_ids"]["origin_date"]["required"]


def test_quantiles_and_probabilities_never_fall_as_their_ids_rise() -> None:
    table = output().query("output_type != 'mean'")
    table = table.assign(order=table["output_type_id"].astype(float)).sort_values("order")
    steps = table.groupby(["target", "horizon", "location", "output_type"])["value"].diff()
    assert steps.notna().any()
    assert (steps.dropna() >= 0).all()


def test_the_models_metadata_keeps_the_hubs_own_schema() -> None:
    rules = json.loads(str(FILES["hub/hub-config/model-metadata-schema.json"]))
    said = yaml.safe_load(str(FILES["hub/model-metadata/harmattan-pool.yml"]))
    jsonschema.Draft202012Validator.check_schema(rules)
    jsonschema.validate(said, rules)
    assert f"{said['team_abbr']}-{said['model_abbr']}" == hub_config.MODEL_ID


@pytest.mark.parametrize("text", ["a: b #c", 'quo"te', "- x\n- y", "!!python/object:os.system", "\u2028é"])
def test_any_source_survives_the_metadata(text: str) -> None:
    said = yaml.safe_load(hub_config._yaml(hub_config.metadata(text, "0.1.0")))
    assert said["data_inputs"] == text


def test_a_stand_in_says_so_in_the_metadata() -> None:
    reason = "Made by a fallback model, conflictology, since others could not be used: no champion."
    said = hub_config.metadata("counts", "0.1.0", {"name": "conflictology", "reason": reason + 200 * "x"})
    assert said["model_name"] == "Stand-in for the pool"
    assert said["methods"] == (reason + 200 * "x")[:200]
    champion = hub_config.metadata("counts", "0.1.0", {"name": "harmattan", "version": "4"})
    assert champion["model_version"] == "0.1.0, harmattan 4"
    assert champion["methods"].startswith("A linear pool of models;")


@pytest.mark.parametrize(
    ("weights", "calibrated", "name", "methods"),
    [
        (
            "learned",
            True,
            "Calibrated pool of count models",
            "A linear pool weighted by past forecasts, calibrated on",
        ),
        ("learned", False, "Pool of count models", "A linear pool weighted by past forecasts; joint"),
        ("equal", False, "Pool of count models", "An equal mixture of models; joint"),
    ],
)
def test_the_metadata_say_calibrated_only_of_what_is(
    weights: str, calibrated: bool, name: str, methods: str
) -> None:
    said = hub_config.metadata("counts", "0.1.0", {"weights": weights, "calibrated": calibrated})
    assert said["model_name"] == name
    assert said["methods"].startswith(methods)


def test_the_output_has_the_columns_and_types_of_a_hub() -> None:
    table = FILES[OUTPUT]
    assert isinstance(table, pa.Table)
    assert tuple(table.column_names) == hub.HUB_COLUMNS
    types = {f.name: str(f.type) for f in table.schema}
    assert types["origin_date"] == types["target_end_date"] == "date32[day]"
    assert (types["horizon"], types["output_type_id"], types["value"]) == ("int32", "string", "double")
    means = table.filter(pa.compute.equal(table["output_type"], "mean"))
    assert means["output_type_id"].null_count == len(means)


def test_regions_and_countries_are_both_locations() -> None:
    places = set(output()["location"])
    assert places == {*RESULT.panel.region_ids, "MLI", "BFA", "NER", "BEN"}


def test_a_country_of_one_region_of_the_same_name_counts_once() -> None:
    draws = {"events": replace(RESULT.countries["events"], region_ids=("MLI", "b", "c", "d"))}
    regions, countries = hub.hub_rows(draws), hub.hub_rows({"events": RESULT.countries["events"]})
    table = hub_config.hub_files(regions, countries, "", "")[OUTPUT]
    assert isinstance(table, pa.Table)
    assert table.to_pandas().query("location == 'MLI'").shape[0] == 6 * 29


def test_every_output_is_complete_and_allowed() -> None:
    assert hub_config.check_tasks(output(), TASKS).empty
    assert hub_config.check_dates(output()).empty


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        (lambda t: t.drop(index=40), "missing"),
        (lambda t: pd.concat([t, t.tail(1)]), "more than once"),
        (lambda t: t.assign(location=t["location"].replace({"MLI": "Atlantis"})), "not allowed"),
        (lambda t: t.assign(value=t["value"].where(t.index != 3, -1.0)), "value outside its range"),
        (lambda t: t.assign(value=t["value"].where(t.index != 25, 1.5)), "value outside its range"),
        (lambda t: t.assign(value=t["value"].where(t.index != 7)), "value outside its range"),
        (lambda t: t.assign(output_type_id=t["output_type_id"].replace({"0.5": "0.50"})), "not allowed"),
    ],
)
def test_what_the_tasks_do_not_allow_is_found(change: Any, problem: str) -> None:
    assert problem in set(hub_config.check_tasks(change(output()), TASKS)["problem"])


def test_a_wrong_end_date_is_found() -> None:
    table = output()
    table.loc[5, "horizon"] = 2
    assert hub_config.check_dates(table).index.tolist() == [5]


@pytest.mark.parametrize("name", ["tasks", "admin"])
def test_the_schema_is_one_that_hubverse_has_released(name: str) -> None:
    version = json.loads(str(FILES[f"hub/hub-config/{name}.json"]))["schema_version"]
    assert re.search(r"/v(5\.0\.0|5\.1\.0|6\.0\.0)/", version), "hubUtils knows no other"


def test_a_target_of_fewer_places_has_tasks_of_its_own_and_a_short_id() -> None:
    events = RESULT.draws["events"]
    name = "events_violence_against_civilians"
    few = replace(events.select(events.region_ids[:3]), target=name)
    table = hub.hub_rows({"events": events, name: few})
    config = hub_config.tasks(table)
    groups = config["rounds"][0]["model_tasks"]
    assert [len(g["task_ids"]["location"]["required"]) for g in groups] == [len(events.region_ids), 3]
    assert violations("tasks", config) == []
    about = groups[1]["target_metadata"][0]
    assert (about["target_id"], about["target_keys"]) == (name[:30], {"target": name})
    assert hub_config.check_tasks(table, config).empty
    lost = hub_config.check_tasks(table[~((table["target"] == name) & (table["horizon"] == 1))], config)
    assert set(lost["problem"]) == {"missing"}
    assert set(lost["target"]) == {name}
