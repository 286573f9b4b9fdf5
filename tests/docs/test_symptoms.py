"""Every rule is behind a symptom, and every symptom has rules."""

from mesh_policy.rules import RULES
from serverless_mesh.cli.verification import Link
from toolchain.symptoms import SYMPTOMS, with_symptoms


def test_every_rule_is_found_by_what_is_seen() -> None:
    listed = {rule for symptom in SYMPTOMS for rule in symptom.rules}
    assert listed == {rule.id for rule in RULES}


def test_each_broken_link_but_that_of_dns_has_its_symptoms() -> None:
    # Of a name that has no address the cluster knows nothing.
    assert {each.link for each in SYMPTOMS} >= set(Link) - {Link.DNS}


def test_what_is_written_by_hand_stays() -> None:
    page = "# Head\n\n{}\n## Tail\n"
    made = with_symptoms(page.format(_MARKS), RULES)
    assert made.startswith("# Head\n\n<!--")
    assert made.endswith("-->\n\n## Tail\n")
    assert "### Metrics are missing" in made
    assert with_symptoms(made, RULES) == made


_MARKS = (
    "<!-- Below: generated from toolchain/symptoms.py and the rules by `make docs`. -->\n"
    "<!-- Above: generated. -->\n"
)
