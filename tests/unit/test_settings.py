"""The settings of a stack file: defaults, types, and every error at once."""

import pytest

from serverless_mesh.settings import (
    FromAuthority,
    Settings,
    SettingsError,
    choose_apps_domain,
    from_config,
    parse,
)


def errors(**values: object) -> str:
    with pytest.raises(SettingsError) as caught:
        parse(values, "Pulumi.test.yaml")
    return str(caught.value)


def test_an_empty_stack_file_is_the_documentation() -> None:
    assert parse({}, "Pulumi.test.yaml") == Settings()


def test_every_value_of_the_engine_is_a_text() -> None:
    settings = from_config(
        {
            "serverless-mesh:certificate": '{"keyBits":4096,"organization":"2048"}',
            "serverless-mesh:projects": '["shop","bank"]',
            "serverless-mesh:readyTimeoutSeconds": "7",
            "serverless-mesh:operators": "",
            "kubernetes:context": "elsewhere",
        },
        "test",
    )
    assert settings.certificate == FromAuthority(key_bits=4096, organization="2048")
    assert settings.projects == ("shop", "bank")
    assert settings.ready_timeout_seconds == 7
    assert settings.operators is None


def test_every_error_is_reported_at_once() -> None:
    said = errors(
        appsDomain="*.apps.example.com",
        certificate={"keyBits": 1024},
        mesh={"namespace": "Istio_System", "drainDuration": "20s", "excludedPorts": [8444]},
        projects=["shop", "Bank"],
    )
    assert said.startswith("Pulumi.test.yaml: 6 errors in the settings")
    for key in ("appsDomain", "certificate.keyBits", "mesh.namespace", "mesh.drainDuration"):
        assert f"serverless-mesh:{key} takes" in said
    assert "serverless-mesh:mesh.excludedPorts takes ports that include 8022" in said
    assert "serverless-mesh:projects[1] takes a Kubernetes name" in said
    assert "found 'Bank'" in said


def test_an_unknown_key_is_an_error_with_a_suggestion() -> None:
    said = errors(appsDoman="apps.example.com")
    assert "serverless-mesh:appsDoman is no setting; did you mean appsDomain?" in said


def test_a_number_is_not_a_text() -> None:
    with pytest.raises(SettingsError, match="keyBits takes 2048, 3072 or 4096, found 'many'"):
        from_config({"serverless-mesh:certificate": '{"keyBits":"many"}'}, "test")


@pytest.mark.parametrize("duration", ["31s", "30.5s", "1m", "1h2m3s"])
def test_drains_that_outlast_serving(duration: str) -> None:
    settings = parse({"mesh": {"drainDuration": duration}}, "Pulumi.test.yaml")
    assert settings.mesh.drain_duration == duration


@pytest.mark.parametrize("duration", ["30s", "0.5m", "", "s", "35", "35 s", "-35s"])
def test_drains_that_do_not(duration: str) -> None:
    assert "mesh.drainDuration takes" in errors(mesh={"drainDuration": duration})


def test_a_certificate_is_renewed_while_valid_and_not_at_every_update() -> None:
    said = errors(certificate={"days": 30, "earlyRenewalHours": 720})
    assert "earlyRenewalHours takes less than the 720 hours" in said


def test_the_domain_of_the_cluster_is_taken() -> None:
    assert choose_apps_domain(Settings(), "apps.a.example.com") == "apps.a.example.com"


def test_the_setting_is_taken_where_the_cluster_names_none() -> None:
    settings = Settings(apps_domain="apps.a.example.com")
    assert choose_apps_domain(settings, None) == "apps.a.example.com"


def test_a_domain_that_differs_from_the_clusters_is_an_error() -> None:
    settings = Settings(apps_domain="apps.a.example.com")
    with pytest.raises(SettingsError, match=r"is apps\.a\.example\.com, but .* apps\.b\.example"):
        choose_apps_domain(settings, "apps.b.example.com")


def test_no_domain_at_all_is_an_error() -> None:
    with pytest.raises(SettingsError, match="pulumi config set serverless-mesh:appsDomain"):
        choose_apps_domain(Settings(), None)


def test_every_setting_is_described() -> None:
    schema = Settings.model_json_schema()
    for section in (schema, *schema["$defs"].values()):
        for key, described in section["properties"].items():
            assert described.get("description"), key
