"""What the stack's Kubernetes provider is told."""

from components.provider import provider_settings


def test_the_stack_files_own_settings_reach_the_plugin_as_they_are() -> None:
    config = {
        "kubernetes:kubeconfig": "apiVersion: v1",
        "kubernetes:kubeClientSettings": '{"qps":50}',
        "kubernetes:someLaterKey": "true",
        "serverless-mesh:projects": "[]",
    }
    told = provider_settings(config)
    assert told.pop("enableSecretMutable") == "true"
    assert told == {
        "kubeconfig": "apiVersion: v1",
        "kubeClientSettings": '{"qps":50}',
        "someLaterKey": "true",
    }


def test_secrets_change_in_place_whatever_the_stack_file_says() -> None:
    told = provider_settings({"kubernetes:enableSecretMutable": "false"})
    assert told == {"enableSecretMutable": "true"}


def test_the_cluster_is_known_by_its_identity_unless_the_stack_file_says_otherwise() -> None:
    assert provider_settings({}, "uid")["clusterIdentifier"] == "uid"
    given = {"kubernetes:clusterIdentifier": "mine"}
    assert provider_settings(given, "uid")["clusterIdentifier"] == "mine"
