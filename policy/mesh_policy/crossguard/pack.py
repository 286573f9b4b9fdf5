"""The rules as policies of CrossGuard: each checks the whole stack, and each single object.

A stack policy sees everything, but in an update only when all is written; a resource policy (the
rule's gate) stops a bad object before it is written, also with `pulumi up --skip-preview`.
"""

from collections.abc import Callable, Iterable, Mapping
from typing import Any, Final

from pulumi_policy import (
    EnforcementLevel,
    Policy,
    PolicyConfigSchema,
    ReportViolation,
    ResourceValidationArgs,
    ResourceValidationPolicy,
    StackValidationArgs,
    StackValidationPolicy,
)
from pulumi_policy import Severity as Level

from mesh_policy.crossguard import wire
from mesh_policy.crossguard.names import EXEMPTED, GATE, OBSERVED, UNDETERMINED, WARNINGS
from mesh_policy.crossguard.session import Observe, Resource, Session
from mesh_policy.exemptions import ANNOTATION
from mesh_policy.findings import Severity, Undetermined, Unread
from mesh_policy.observe import RETRY_SECONDS
from mesh_policy.printing import printed
from mesh_policy.rule import Result, Rule, by_finding, listed

_LEVELS: Final = {
    Severity.ERROR: (EnforcementLevel.MANDATORY, Level.HIGH),
    Severity.WARNING: (EnforcementLevel.ADVISORY, Level.MEDIUM),
}


def policies(rules: Iterable[Rule], session: Session) -> list[Policy]:
    """Return the pack's policies, in the order in which the SDK has to ask them.

    `observed-cluster` comes first, for its config says whether the cluster is read at all.
    """
    chosen = tuple(rules)
    return [
        _observed(session),
        *(_gate(rule, session) for rule in chosen),
        *(_whole(rule, session) for rule in chosen),
        _warnings(chosen, session),
        _exempted(chosen, session),
        _undetermined(chosen, session),
    ]


def gate_level(rule: Rule) -> EnforcementLevel:
    """Return the level of a rule's gate where no config says otherwise."""
    return _LEVELS[rule.severity][0] if rule.harmful else EnforcementLevel.DISABLED


def _observed(session: Session) -> Policy:
    def validate(args: ResourceValidationArgs, report: ReportViolation) -> None:
        config = args.get_config()
        session.mode = Observe(config.get("observe", Observe.REQUIRED))
        session.retry_seconds = config.get("retrySeconds", RETRY_SECONDS)
        problem = session.unreadable(_resource(args))
        if problem is not None and session.mode is Observe.REQUIRED:
            report(
                f"{problem}\nWithout it, rules would pass what they have not looked at. Where that "
                'is enough, set "observe" of this policy to "best-effort" or "off".',
                None,
            )

    return ResourceValidationPolicy(
        OBSERVED,
        "What rules need of the stack's cluster can be read, so that they check it as it will be",
        validate,
        EnforcementLevel.MANDATORY,
        PolicyConfigSchema(
            {
                "observe": {
                    "type": "string",
                    "enum": [mode.value for mode in Observe],
                    "default": Observe.REQUIRED.value,
                },
                "retrySeconds": {"type": "number", "minimum": 0, "default": RETRY_SECONDS},
            }
        ),
        severity=Level.HIGH,
    )


def _gate(rule: Rule, session: Session) -> Policy:
    def validate(args: ResourceValidationArgs, report: ReportViolation) -> None:
        for violation in session.gate(rule, _resource(args)):
            result = Result(rule, violation)
            if result.severity is rule.severity:
                report("\n".join(printed(result)), None)

    def remediate(args: ResourceValidationArgs) -> Any:
        resource = _resource(args)
        after = session.remediate(rule, resource)
        if after is None or after == resource.properties:
            return None
        return wire.remediated(wire.raw(args.props), resource.properties, after)

    return ResourceValidationPolicy(
        rule.id + GATE,
        f"{rule.title}: each object, before it is written",
        validate,
        gate_level(rule),
        remediate=None if rule.remediate is None else remediate,
        severity=_LEVELS[rule.severity][1],
        remediation_steps=rule.remedy,
        url=rule.section.url,
        tags=_tags(rule),
    )


def _whole(rule: Rule, session: Session) -> Policy:
    def validate(args: StackValidationArgs, report: ReportViolation) -> None:
        for result in session.results(rule, _resources(args)):
            if result.is_violation and result.severity is rule.severity:
                report("\n".join(printed(result)), result.finding.ref.source or None)

    level, severity = _LEVELS[rule.severity]
    return StackValidationPolicy(
        rule.id,
        rule.title,
        validate,
        level,
        severity=severity,
        remediation_steps=rule.remedy,
        url=rule.section.url,
        tags=_tags(rule),
    )


def _warnings(rules: Iterable[Rule], session: Session) -> Policy:
    """Return the policy of what only warns though its rule is mandatory.

    A policy has one level, whatever it reports.
    """
    return StackValidationPolicy(
        WARNINGS,
        "What works, though a rule that is mandatory has something to say of it",
        _reporting(
            rules,
            session,
            lambda each: each.is_violation and each.severity is not each.rule.severity,
        ),
        EnforcementLevel.ADVISORY,
        severity=Level.MEDIUM,
    )


def _tags(rule: Rule) -> list[str]:
    """Return the words by which a policy is found among others: the kinds that it reads."""
    return ["openshift-serverless", "openshift-service-mesh", *sorted(k.name for k in rule.kinds)]


def _undetermined(rules: Iterable[Rule], session: Session) -> Policy:
    def validate(args: StackValidationArgs, report: ReportViolation) -> None:
        results = [each for rule in rules for each in session.results(rule, _resources(args))]
        said: dict[Undetermined, list[str]] = {}
        for rule, finding, _ in results:
            if isinstance(finding, Undetermined) and not isinstance(finding, Unread):
                said.setdefault(finding, []).append(rule.id)
        for finding, ids in said.items():
            report(f"{finding} ({', '.join(ids)})", finding.ref.source or None)
        unread = [*session.problems(), *listed(by_finding(results))]
        if fresh := [line for line in unread if line not in session.said]:
            report("\n".join(["not read, and so not checked:", *fresh]), None)

    return StackValidationPolicy(
        UNDETERMINED,
        "What rules can't tell: unknown until the update, or not readable",
        validate,
        EnforcementLevel.ADVISORY,
        severity=Level.LOW,
    )


def _exempted(rules: Iterable[Rule], session: Session) -> Policy:
    return StackValidationPolicy(
        EXEMPTED,
        f"What is exempt from rules by the annotation {ANNOTATION}, with the reasons",
        _reporting(rules, session, lambda each: each.exemption is not None),
        EnforcementLevel.ADVISORY,
        severity=Level.LOW,
    )


def _reporting(
    rules: Iterable[Rule], session: Session, chosen: Callable[[Result], bool]
) -> Callable[[StackValidationArgs, ReportViolation], None]:
    """Return what reports the chosen results of all rules, each with its rule."""

    def validate(args: StackValidationArgs, report: ReportViolation) -> None:
        for rule in rules:
            for result in filter(chosen, session.results(rule, _resources(args))):
                lines = "\n".join(printed(result))
                report(f"{rule.id}: {lines}", result.finding.ref.source or None)

    return validate


def _resource(args: Any) -> Resource:
    provider = args.provider.props if args.provider is not None else {}
    return Resource(args.urn, args.resource_type, _read(args.props), _read(provider))


def _resources(args: StackValidationArgs) -> Iterable[Resource]:
    return map(_resource, args.resources)


def _read(props: Any) -> Mapping[str, Any]:
    found = wire.properties(wire.raw(props))
    return found if isinstance(found, Mapping) else {}
