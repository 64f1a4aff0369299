"""What is declared once is there everywhere it has to be."""

import re
from typing import Any

import pytest
import yaml

from pipelines.settings import ROOT, Settings
from pipelines.stages import RAW_TABLES, STAGES

pytestmark = pytest.mark.unit

MODELS = ROOT / "dbt_project" / "models"
# not for people, or with a default that suits all
UNADVERTISED = {"cascade_data_dir", "retry_seconds", "sandbox_speed"}


def read_yaml(path: str) -> Any:
    return yaml.safe_load((ROOT / path).read_text())


def test_dbt_knows_the_raw_tables_that_loads_write():
    (raw,) = read_yaml("dbt_project/models/staging/_staging.yml")["sources"]

    assert raw["schema"] == "raw"
    assert [t["name"] for t in raw["tables"] if t.get("meta", {}).get("lookups") is True] == list(RAW_TABLES)


@pytest.mark.parametrize("stage", STAGES, ids=lambda stage: stage.name)
def test_a_stage_has_its_queue_and_its_staging_model(stage):
    assert (MODELS / "queues" / f"{stage.queue}.sql").is_file()
    assert (MODELS / "staging" / f"stg_{stage.raw_table}.sql").is_file()


def test_dbt_knows_the_same_stages_in_the_same_order():
    declared = (ROOT / "dbt_project" / "macros" / "stages.sql").read_text()

    named = re.findall(r"'name': '([^']+)', 'label': '([^']+)'.*?'queue': '([^']+)'", declared, re.DOTALL)
    assert named == [(stage.name, stage.label, stage.queue) for stage in STAGES]


def test_prefect_deploys_every_stage_once_and_all_of_them_together():
    deployments = read_yaml("prefect.yaml")["deployments"]

    enriching = [d for d in deployments if d["entrypoint"] == "flows/deployments.py:enrich"]
    assert sorted(d["parameters"]["stage"] for d in enriching) == sorted(["all", *(s.name for s in STAGES)])
    assert all(d["name"] == d["parameters"]["stage"] for d in enriching)


def test_every_deployment_names_a_flow_that_exists():
    flows = re.findall(r"@flow\([^\n]*\)\ndef (\w+)\(", (ROOT / "flows" / "deployments.py").read_text())

    deployed = {d["entrypoint"] for d in read_yaml("prefect.yaml")["deployments"]}
    assert deployed == {f"flows/deployments.py:{flow}" for flow in flows}


def test_stages_credentials_are_settings():
    assert {name for stage in STAGES for name in stage.credentials} <= set(Settings.model_fields)


def test_env_example_offers_every_setting_for_people_and_nothing_else():
    text = (ROOT / ".env.example").read_text()

    offered = re.findall(r"^#?([A-Z_]+)=", text, re.MULTILINE)
    assert sorted(offered) == sorted(name.upper() for name in set(Settings.model_fields) - UNADVERTISED)


def test_env_example_changes_nothing_when_it_is_copied():
    lines = (ROOT / ".env.example").read_text().splitlines()

    assert [line for line in lines if line and not line.startswith("#")] == []
    defaults = dict(re.findall(r"(?m)^#([A-Z_]+_URL)=(https://.*)$", "\n".join(lines)))
    assert defaults == {
        name.upper(): str(field.default).rstrip("/")
        for name, field in Settings.model_fields.items()
        if name.endswith("_url") and field.default is not None
    }
