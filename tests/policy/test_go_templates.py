"""Templates of Go are rendered as Go does, or not at all."""

from typing import Any

import pytest

from mesh_policy.reading.go_templates import rendered

VALUES: dict[str, Any] = {
    "Name": "hello",
    "Namespace": "shop",
    "Domain": "apps.example.com",
    "Labels": {"team": "blue"},
    "Annotations": {"a/b": "x"},
}


@pytest.mark.parametrize(
    ("template", "outcome"),
    [
        ("{{.Name}}-{{.Namespace}}.{{.Domain}}", "hello-shop.apps.example.com"),
        ("{{ .Name }}.{{/* why */}}{{.Domain}}", "hello.apps.example.com"),
        ("  {{- .Name -}}  \n x {{- .Namespace}} y", "hellox" + "shop y"),
        ('{{index .Annotations "a/b"}}', "x"),
        ('{{index .Annotations "none"}}', ""),
        ("{{.Labels.team}}", "blue"),
        ("{{.Labels.none}}", "<no value>"),
        ('{{"text"}}.{{.Domain}}', "text.apps.example.com"),
        ("fixed.example.com", "fixed.example.com"),
        ("", ""),
    ],
)
def test_what_has_one_outcome_is_rendered(template: str, outcome: str) -> None:
    assert rendered(template, VALUES) == outcome


@pytest.mark.parametrize(
    "template",
    [
        "{{if .Labels}}{{.Name}}{{end}}",
        "{{.Name | printf}}",
        "{{slice .Name 1}}",
        "{{.Other}}",
        "{{.Labels}}",
        "{{.Name.Length}}",
        "{{.Name",
        "{{.Name}} {{",
        "{{range .Labels}}",
        '{{index .Name "a"}}',
        '{{"a\\n"}}',
        "{{}}",
        "{{.Name}}" * 1000,
    ],
)
def test_anything_else_is_not(template: str) -> None:
    assert rendered(template, VALUES) is None
