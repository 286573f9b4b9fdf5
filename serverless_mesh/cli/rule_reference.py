"""The rules, described: how to run them, and what each finds, needs and remediates."""

import json
import re
from collections.abc import Iterable, Mapping
from typing import Any, Final, NamedTuple

from pulumi_policy import EnforcementLevel, Policy

from mesh_policy.crossguard.names import EXEMPTED, GATE, OBSERVED, UNDETERMINED, WARNINGS
from mesh_policy.crossguard.pack import policies
from mesh_policy.crossguard.session import Observe, Session
from mesh_policy.documented.kinds import Kind
from mesh_policy.exemptions import ANNOTATION, SHORTEST
from mesh_policy.rule import Rule

_ON: Final = EnforcementLevel.MANDATORY
_OFF: Final = EnforcementLevel.DISABLED
_EASED: Final = EnforcementLevel.ADVISORY
_REMEDIATED: Final = EnforcementLevel.REMEDIATE

_HEAD: Final = """\
# Rules

Generated from `policy/mesh_policy/rules/` by `make docs`. Each rule is one condition of the
documentation that the API server does not check. The same rules check a stack, as a policy pack of
Pulumi, and manifests or a live cluster, as the command `serverless-mesh check`.

## With Pulumi

```sh
pulumi preview --policy-pack policy
pulumi up --policy-pack policy --policy-pack-config pack.json
```

The pack runs with the Python on PATH, so activate the project's `.venv` first.

Every rule is two policies of the pack:

- `<rule>` checks the whole stack: in a preview before anything is touched, in an update when all is
  written;
- `<rule>{gate}`, the rule's gate, checks each object right before it is written, and so also stops
  `pulumi up --skip-preview`. Only the gates of the most harmful rules are on by default.

Both see the objects of the stack laid over those of its cluster: what others have there counts, and
what the stack is about to delete does not. What a rule can't tell, since a value is unknown until
the update, is no violation; the policy `{undetermined}` says it. What a rule needs and could not
look at stops the run; the policy `{observed}` says it.

### Levels

`pack.json` sets the level of a policy by its name, and by `all` that of every policy that it does
not name; what it says nothing of keeps its own. The levels are {levels}.

```json
{example}
```

| policy | by default | what it says |
|---|---|---|
{common}

`{observed}` also takes `observe`, one of {observes}:

- `{required}` (default): all that rules need is read, or the run stops. It says what could not be
  read, which rules need it, and which right to grant;
- `{best_effort}`: what can be read is; of the rest, the stack is checked alone (as where the policy
  is disabled), and `{undetermined}` says once what is missing;
- `{off}`: nothing is read, and the stack is checked alone.

`deploy/observer.yaml` is the least that reading takes. Kinds are listed
whole; secrets are read by their names, only those from which Knative's gateways and DomainMappings
serve, and no list of secrets is ever asked for. An API server that is busy, or restarts, is asked
again for a minute, or as many seconds as `{observed}` has in `retrySeconds`; after that, what it
did not answer counts as not read.

### Remediating

A rule that can remediate does so before each write, where its gate is set to `{remediated}`:

```json
{remediated_example}
```

It adds what is missing and changes nothing that says otherwise or is not known yet; what it leaves
wrong is a violation. The program itself stays as it is, so change it too. The table of the rules
says which of them can.

### Exempt objects

An object is exempt from rules by an annotation of its own, with a reason of at least
{shortest} characters:

```yaml
metadata:
  annotations:
    {annotation}: "strict-mtls, excluded-ports: the meter has no certificate, ticket 4711"
```

It stays in every report: the policy `{exempted}` lists it with the reason, `check` prints it as
EXEMPT, and in SARIF the result is suppressed. An annotation that gives no reason exempts nothing,
and the violation says so. From some rules no object is exempt; their entries below say it.

## Without Pulumi

```sh
serverless-mesh check -f gateways.yaml -f manifests/     # files; folders with all below them
helm template chart | serverless-mesh check -f -         # standard input
serverless-mesh check --context production               # a live cluster
serverless-mesh check --kubeconfig file                  # the one of another kubeconfig
serverless-mesh check -f manifests/ --context production # the cluster as it would be with them
```

It reads YAML and JSON with any number of documents and lists in it; of folders, the files that end
in `.yaml`, `.yml` or `.json`, but none below another folder that begins with a dot; of a
must-gather, what rules need. A folder of Kustomize and a chart of Helm get one line that says how
to render them, and count as not checked; so does an object that holds others: an OpenShift
Template, a Policy or ManifestWork of Open Cluster Management, a SyncSet. A file is a regular one of
at most 256 MiB, and no mapping in it has a key twice. Manifests over a live cluster replace what
has their kind, namespace and name there. Nothing is ever written.

| option | what it does |
|---|---|
| `--rule RULE` | check by this rule only (repeatable); `serverless-mesh rules` lists them |
| `--complete` | take what `-f` names for a whole cluster, as a dump is: what they lack is missing |
| `--fail-on warning` | let warnings end with 1 as well, not only violations of severity error |
| `--mesh NAMESPACE` | the namespace of the mesh that Serverless is in, where that is not known |
| `--format text` | a paragraph a finding: what, why, what to do, where that is from (default) |
| `--format json` | a list of findings, for programs |
| `--format sarif` | SARIF 2.1.0, for code scanning |

| exit code | meaning |
|---|---|
| 0 | no violation, but for warnings, and everything was checked |
| 1 | at least one violation, and everything was checked |
| 2 | could not check, or not everything |

With 2, a file, the cluster or an option is unusable, or nothing is there to check; or a kind or a
secret that a rule needs could not be read, or a document is no Kubernetes object. Violations that
were found all the same are printed; the code stays 2, for whoever counts on 1 counts on the list
being whole. What is undetermined, since files alone do not tell, is printed and changes no exit
code. In a pipeline, for example GitHub's:

```yaml
- run: serverless-mesh check -f manifests/ --format sarif > findings.sarif
- if: always()
  uses: github/codeql-action/upload-sarif@v3
  with:
    sarif_file: findings.sarif
```

## The rules

| rule | severity | gate on by default | remediates |
|---|---|---|---|
{table}
"""


class Examples(NamedTuple):
    """What a rule passes and what it does not, as manifests; `found` is what it says of that."""

    good: str
    bad: str
    found: tuple[str, ...]


def reference(rules: Iterable[Rule], examples: Mapping[str, Examples]) -> str:
    """Return the reference of the rules and of how to run them, as Markdown.

    `examples` are those of each rule, by its id.
    """
    chosen = tuple(rules)
    made = {policy.name: policy for policy in policies(chosen, Session(chosen))}
    entries = (_entry(rule, made, examples[rule.id]) for rule in chosen)
    return "\n".join([_head(chosen, made), *entries])


def _head(rules: tuple[Rule, ...], made: dict[str, Policy]) -> str:
    first = next(rule for rule in rules if rule.harmful)
    config = {
        "all": _EASED,
        first.id: _ON,
        first.id + GATE: _OFF,
        OBSERVED: {"enforcementLevel": _ON, "observe": Observe.BEST_EFFORT},
        UNDETERMINED: _OFF,
    }
    remediating = next(rule for rule in rules if rule.remediate is not None)
    return _HEAD.format(
        gate=GATE,
        observed=OBSERVED,
        undetermined=UNDETERMINED,
        exempted=EXEMPTED,
        annotation=ANNOTATION,
        shortest=SHORTEST,
        required=Observe.REQUIRED,
        best_effort=Observe.BEST_EFFORT,
        off=Observe.OFF,
        remediated=_REMEDIATED.value,
        levels=", ".join(f"`{level.value}`" for level in EnforcementLevel),
        observes=", ".join(f"`{mode}`" for mode in Observe),
        example=_json(config),
        remediated_example=_json({remediating.id + GATE: _REMEDIATED}),
        common="\n".join(
            f"| `{name}` | {_level(made[name])} | {made[name].description} |"
            for name in (OBSERVED, WARNINGS, UNDETERMINED, EXEMPTED)
        ),
        table="\n".join(
            f"| {_link(rule)} | {rule.severity} | {_yes(_gated(rule, made))} "
            f"| {_yes(rule.remediate is not None)} |"
            for rule in rules
        ),
    )


def _entry(rule: Rule, made: dict[str, Policy], examples: Examples) -> str:
    gate = rule.id + GATE
    other = _REMEDIATED if rule.remediate else _OFF if _gated(rule, made) else _ON
    lines = [
        f"## {rule.id}",
        "",
        f"**{plain(rule.title)}.** {plain(rule.why)}",
        "",
        f"What to do: {plain(rule.remedy)}",
        "",
        f"- Severity: {rule.severity}",
        f"- Documentation: [{rule.section.title}]({rule.section.url})",
        f"- Reads: {_kinds(rule.kinds) or 'the properties of every resource of the stack'}",
        *([f"- Reads by name: {_kinds(rule.by_name)}"] if rule.by_name else ()),
        *([f"- Reads in a check as well: {_kinds(rule.check_only)}"] if rule.check_only else ()),
        *(["- Checks what an update does, so not with `check`"] if rule.of_updates else ()),
        *([] if rule.exemptible else ["- No object is exempt from it"]),
        f"- Can remediate: {_yes(rule.remediate is not None)}",
        f"- Policies: `{rule.id}` ({_level(made[rule.id])} by default), "
        f"`{gate}` ({_level(made[gate])} by default)",
        "",
        "```json",
        _json({rule.id: _EASED if made[rule.id].enforcement_level is _ON else _ON, gate: other}),
        "```",
        "",
        "It passes:",
        "",
        "```yaml",
        examples.good,
        "```",
        "",
        "It does not pass:",
        "",
        "```yaml",
        examples.bad,
        "```",
        "",
        *(f"> {plain(line)}" for line in examples.found),
        "",
    ]
    return "\n".join(lines)


def plain(text: str) -> str:
    """Return the Markdown that shows a text as it is, but for code in it."""

    def escaped(match: re.Match[str]) -> str:
        return match[0] if match[0].startswith("`") else {"<": "&lt;", "*": "\\*"}[match[0]]

    return re.sub(r"`[^`]*`|[<*]", escaped, text)


def _gated(rule: Rule, made: dict[str, Policy]) -> bool:
    return made[rule.id + GATE].enforcement_level is not _OFF


def _level(policy: Policy) -> str:
    assert policy.enforcement_level is not None, "every policy of the pack has its own"
    return str(policy.enforcement_level.value)


def _kinds(kinds: Iterable[Kind]) -> str:
    return ", ".join(f"`{kind}`" for kind in sorted(kinds, key=str))


def _link(rule: Rule) -> str:
    return f"[{rule.id}](#{rule.id})"


def _yes(condition: bool) -> str:
    return "yes" if condition else "no"


def _json(config: dict[str, Any]) -> str:
    return json.dumps(config, indent=2, default=lambda level: level.value)
