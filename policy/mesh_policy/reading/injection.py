"""Who injects a pod: the webhooks that select it, and the injector that they send it to.

Mirrors the webhooks and `injectRequired` of Istio: those of Service Mesh 3, one set a revision and
tag, and that of Service Mesh 2, which selects the namespaces of members. What the decision does not
depend on is not looked at, so that it may be unknown.
"""

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from enum import Enum, auto
from typing import Any, Final, NamedTuple

from mesh_policy.documented.names import DEFAULT_REVISION, ENABLED, INJECT, INJECTION, REVISION
from mesh_policy.findings import Ref
from mesh_policy.reading.label_selectors import matches
from mesh_policy.reading.values import UNKNOWN, at, items, mapping, show, text

_SYSTEM: Final = ("kube-system", "kube-public", "kube-node-lease", "local-path-storage")
"""Namespaces in which nothing is injected, whatever is asked for."""
_IGNORED: Final = ("maistra.io/ignore-namespace", "istio-env")
"""Labels of a namespace that Service Mesh 2 passes over."""
_ISTIOD: Final = "istiod"
_BY_REQUEST: Final = "disabled"
_OLD_YES: Final = ("y", "yes", "true", "on")
"""What Service Mesh 2 took for `true` in its older versions, in capitals, too."""


@dataclass(frozen=True)
class Pod:
    """A pod, as far as injection looks at it."""

    namespace: str
    labels: Any = None
    annotations: Any = None
    host_network: Any = None

    @classmethod
    def of(cls, namespace: str, template: Any) -> "Pod":
        """Return the pod that a template (`metadata`, `spec`) makes in a namespace."""
        metadata, spec = at(template, "metadata"), at(template, "spec")
        network = at(spec, "hostNetwork")
        return cls(namespace, at(metadata, "labels"), at(metadata, "annotations"), network)


class Reason(Enum):
    """Why a pod is not injected."""

    NOT_ASKED = auto()
    """Nothing asks for it that a webhook listens to."""
    REFUSED = auto()
    """The pod, its namespace or the injector's configuration says no."""
    NOBODY = auto()
    """It is asked of a revision that nobody has."""


@dataclass(frozen=True)
class Injected:
    """A pod is injected by a control plane, and here is what asks for it."""

    by: Ref
    asked: str = field(compare=False)


@dataclass(frozen=True)
class NotInjected:
    """A pod is not injected; `why` is a clause for a reader.

    `revision` is the one that nobody has, and `by_namespace` says that the namespace asks for it.
    """

    reason: Reason
    why: str
    revision: str = ""
    by_namespace: bool = False


@dataclass(frozen=True)
class Unsure:
    """Whether a pod is injected can't be told."""

    why: str


Injection = Injected | NotInjected | Unsure
_LABEL_SAYS_NO: Final = NotInjected(Reason.REFUSED, f'the label {INJECT} is "false"')


@dataclass(frozen=True)
class Injector:
    """The injector of a control plane, and how it is configured."""

    plane: Ref
    policy: Any = ENABLED
    """`enabled`: pods that say nothing are injected; `disabled`: they are not."""
    never: Any = None
    always: Any = None
    every_namespace: Any = None
    """Whether the webhooks of the default revision select pods for which nothing is said, too."""

    def required(self, pod: Pod, asked: str, lenient: bool = False) -> Injection:
        """Say whether it injects a pod that a webhook sent to it (`injectRequired`).

        A `lenient` one took more words for a yes in older versions.
        """
        if pod.host_network is UNKNOWN:
            return Unsure("whether the pod has the node's network is unknown until update")
        if pod.host_network is True:
            return NotInjected(Reason.REFUSED, "the pod has the node's network (hostNetwork)")
        if pod.namespace in _SYSTEM:
            return NotInjected(Reason.REFUSED, f"nothing is injected in {pod.namespace}")
        if self.policy is not UNKNOWN and self.policy not in (ENABLED, _BY_REQUEST):
            why = f"the control plane's injection policy is {show(self.policy)}"
            return NotInjected(Reason.REFUSED, why)
        place, own = _own(pod)
        if own is UNKNOWN:
            return Unsure(f"the {place} {INJECT} is unknown until update")
        if own == "true":
            return Injected(self.plane, asked)
        if own == "false":
            return NotInjected(Reason.REFUSED, f'the {place} {INJECT} is "false"')
        if lenient and text(own).lower() in _OLD_YES:
            return Unsure(f"not every version takes the {place} {INJECT}: {show(own)} for true")
        return self._default(pod, asked)

    def _default(self, pod: Pod, asked: str) -> Injection:
        for selectors, answer in ((self.never, False), (self.always, True)):
            for selector in items(selectors):
                if not (at(selector, "matchLabels") or at(selector, "matchExpressions")):
                    continue
                selected = matches(selector, mapping(pod.labels))
                if selected is None or pod.labels is UNKNOWN or selectors is UNKNOWN:
                    return Unsure("whether the injector's selectors select it is not known")
                if selected and answer:
                    return Injected(self.plane, "the injector's alwaysInjectSelector")
                if selected:
                    why = "the injector's neverInjectSelector selects it"
                    return NotInjected(Reason.REFUSED, why)
        if self.policy is UNKNOWN:
            return Unsure("the injector's policy is unknown until update")
        if self.policy == ENABLED:
            return Injected(self.plane, asked)
        why = "nothing asks for it, and the control plane injects by request only"
        return NotInjected(Reason.NOT_ASKED, why)


def _own(pod: Pod) -> tuple[str, Any]:
    """Return what a pod itself says, and where; the label takes precedence over the annotation."""
    label = at(pod.labels, INJECT)
    if label is not None:
        return "label", label
    return "annotation", at(pod.annotations, INJECT)


class Webhooks(ABC):
    """The webhooks of one kind: to which injector they send a pod, if to any."""

    @abstractmethod
    def injection(self, pod: Pod, namespace: Any) -> Injection:
        """Say whether the pod, in a namespace with these labels, is injected."""


@dataclass(frozen=True)
class RevisionWebhooks(Webhooks):
    """The webhooks of Istio's revisions and tags, each of which listens to its name.

    `answering` gives the injector of a name: None where nobody has it, UNKNOWN where that can't be
    told.
    """

    answering: Callable[[str], Any]

    def injection(self, pod: Pod, namespace: Any) -> Injection:
        """Say whether the pod is injected: its namespace is asked first, then the pod."""
        asked, own = _asked(pod, namespace), at(pod.labels, INJECT)
        if asked is None:
            return self._unasked(pod, own)
        if not isinstance(asked, _Asked):
            return asked
        if own is UNKNOWN:
            return Unsure(f"the label {INJECT} is unknown until update")
        return _LABEL_SAYS_NO if own == "false" else self._sent(pod, asked)

    def _unasked(self, pod: Pod, own: Any) -> Injection:
        """Say what becomes of a pod for which no label asks."""
        if own == "false":
            return _LABEL_SAYS_NO
        if own is not None:
            why = f'the label {INJECT} is {show(own)}, rather than "true"'
            return NotInjected(Reason.NOT_ASKED, why)
        default = self.answering(DEFAULT_REVISION)
        everywhere = default.every_namespace if isinstance(default, Injector) else None
        if everywhere is UNKNOWN:
            return Unsure("whether the default revision injects every namespace is not known")
        if everywhere is True:
            return self._sent(pod, _Asked(DEFAULT_REVISION, "the control plane's every namespace"))
        if at(pod.annotations, INJECT) == "true":
            why = f"only the annotation {INJECT} asks for it, and no webhook selects by that"
            return NotInjected(Reason.NOT_ASKED, why)
        return NotInjected(Reason.NOT_ASKED, "no label of the pod or its namespace asks for it")

    def _sent(self, pod: Pod, asked: "_Asked") -> Injection:
        found = self.answering(asked.revision)
        if found is UNKNOWN:
            return Unsure(f"{asked.by} asks for a revision of which it is not known whose it is")
        if isinstance(found, Injector):
            return found.required(pod, asked.by)
        why = f"{asked.by} asks for the revision {asked.revision}, which nobody has"
        return NotInjected(Reason.NOBODY, why, asked.revision, asked.by_namespace)


class _Asked(NamedTuple):
    """The revision that a label asks for, what asks, and whether that is the namespace."""

    revision: str
    by: str
    by_namespace: bool = False


def _asked(pod: Pod, namespace: Any) -> _Asked | NotInjected | Unsure | None:
    """Return what the first label asks for that is listened to; None where there is none.

    `istio-injection` silences every `istio.io/rev`, and that of the namespace the pod's.
    """
    legacy = at(namespace, INJECTION)
    if legacy is UNKNOWN:
        return Unsure(f"the namespace's label {INJECTION} is unknown until update")
    if legacy == ENABLED:
        return _Asked(DEFAULT_REVISION, f"the namespace's {INJECTION}={ENABLED}", True)
    if legacy is not None:
        return NotInjected(Reason.REFUSED, f"the namespace says {INJECTION}={show(legacy)}")
    for labels, whose in ((namespace, "namespace"), (pod.labels, "pod")):
        revision = at(labels, REVISION)
        if revision is UNKNOWN:
            return Unsure(f"the {whose}'s label {REVISION} is unknown until update")
        if revision is not None:
            by = f"the {whose}'s {REVISION}={show(revision)}"
            return _Asked(text(revision), by, whose == "namespace")
    own = at(pod.labels, INJECT)
    if own is UNKNOWN:
        return Unsure(f"the label {INJECT} is unknown until update")
    return _Asked(DEFAULT_REVISION, f'the pod\'s {INJECT}="true"') if own == "true" else None


@dataclass(frozen=True)
class MemberWebhook(Webhooks):
    """The webhook of a control plane of Service Mesh 2, which selects its members' namespaces."""

    injector: Injector
    is_member: Callable[[str], bool | None]

    def injection(self, pod: Pod, namespace: Any) -> Injection:
        """Say whether the pod is injected."""
        member = self.is_member(pod.namespace)
        if member is None:
            return Unsure(f"whether {pod.namespace} is a member of the mesh is not known")
        if not member:
            why = f"{pod.namespace} is no member of the mesh"
            return NotInjected(Reason.NOT_ASKED, why)
        return member_injection(self.injector, pod, namespace)


def member_injection(injector: Injector, pod: Pod, namespace: Any) -> Injection:
    """Say whether a pod in the namespace of a member of Service Mesh 2 is injected."""
    if namespace is UNKNOWN:
        return Unsure("the namespace's labels are unknown until update")
    for label in _IGNORED:
        if at(namespace, label) is not None:
            return NotInjected(Reason.REFUSED, f"the namespace has the label {label}")
    legacy = at(namespace, INJECTION)
    if legacy is UNKNOWN:
        return Unsure(f"the namespace's label {INJECTION} is unknown until update")
    if legacy == "disabled":
        return NotInjected(Reason.REFUSED, f"the namespace says {INJECTION}=disabled")
    if at(pod.labels, "app") == _ISTIOD:
        return NotInjected(Reason.REFUSED, "the pod is the control plane's own")
    return injector.required(pod, "the pod of a member", lenient=True)


def first_injecting(answers: Iterable[Injection]) -> Injection:
    """Return who injects, of several kinds of webhooks; where none does, why not."""
    refused: Injection | None = None
    for answer in answers:
        if isinstance(answer, Injected):
            return answer
        stronger = isinstance(refused, NotInjected) and refused.reason is Reason.NOT_ASKED
        if refused is None or isinstance(answer, Unsure) or stronger:
            refused = answer
    return refused or NotInjected(Reason.NOT_ASKED, "there is no control plane")
