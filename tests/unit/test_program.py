"""The whole program under Pulumi's mocks: what is declared, in which order, and what is secret."""

import json
import runpy
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pulumi
import pytest
from pulumi.runtime import mocks, rpc
from pulumi.runtime.proto import resource_pb2

from mesh_policy.findings import Ref
from preflight.cluster import Cluster, ControlPlane, Membership, Namespace, Observed
from preflight.errors import ClusterError
from toolchain.providers import random, tls

PROGRAM = Path(__file__).resolve().parents[2] / "__main__.py"
DOMAIN = "apps.openshift.example.com"
STACK = "organization/serverless-mesh/test"
PROVIDER = "pulumi:providers:kubernetes"

NAMESPACES = ["istio-system", "knative-eventing", "knative-serving"]
OBJECTS = [
    "basic",
    "default-members",
    "knative-eventing",
    "knative-ingress-gateway",
    "knative-local-gateway",
    "knative-local-gateway-service",
    "knative-serving",
    "wildcard-certs",
]


@dataclass(frozen=True)
class Registered:
    """One resource as the engine sees it."""

    urn: str
    parent: str
    dependencies: tuple[str, ...]
    inputs: dict[str, Any]
    provider: str
    before_create: tuple[str, ...]
    protected: bool
    retained: bool


@dataclass
class Declared:
    """What the program registered, by type and logical name, and what it exports."""

    resources: dict[tuple[str, str], Registered] = field(default_factory=dict)
    exports: dict[str, Any] = field(default_factory=dict)
    warnings: list[str] = field(default_factory=list)

    def of(self, kind: str) -> dict[str, Registered]:
        """Return the resources whose type ends so, by logical name."""
        return {n: r for (t, n), r in self.resources.items() if t.endswith(f":{kind}")}

    def one(self, kind: str, name: str) -> Registered:
        return self.of(kind)[name]

    def before(self, later: Registered) -> set[str]:
        """Return the URNs of everything that is done before, over any number of steps."""
        by_urn = {resource.urn: resource for resource in self.resources.values()}
        children: dict[str, list[Registered]] = {}
        for resource in self.resources.values():
            children.setdefault(resource.parent, []).append(resource)
        found: set[str] = set()
        todo = [later]
        while todo:
            resource = todo.pop()
            for urn in resource.dependencies:
                if urn in by_urn and urn not in found:
                    found.add(urn)
                    todo.append(by_urn[urn])
                    todo.extend(children.get(urn, []))
                    found.update(child.urn for child in children.get(urn, []))
        return found


class Providers(mocks.Mocks):
    """Answers as the providers would: the inputs, and every output that the program reads."""

    OUTPUTS: Mapping[str, dict[str, str]] = {
        "tls:index/privateKey:PrivateKey": {"privateKeyPem": "A PRIVATE KEY"},
        "tls:index/certRequest:CertRequest": {"certRequestPem": "A REQUEST"},
        "tls:index/selfSignedCert:SelfSignedCert": {"certPem": "A CA"},
        "tls:index/locallySignedCert:LocallySignedCert": {"certPem": "A CERTIFICATE"},
        "random:index/randomUuid:RandomUuid": {"result": "some-uuid"},
    }

    def new_resource(self, args: mocks.MockResourceArgs) -> tuple[str, dict[str, Any]]:
        return f"{args.name}-id", {**args.inputs, **self.OUTPUTS.get(args.typ, {})}

    def call(self, args: mocks.MockCallArgs) -> tuple[dict[str, Any], None]:
        raise AssertionError(f"the program calls {args.token}")


class Monitor(mocks.MockMonitor):
    """Records each registration as it goes over the wire."""

    def __init__(self, declared: Declared) -> None:
        super().__init__(Providers())
        self._declared = declared

    def RegisterResource(self, request: Any) -> resource_pb2.RegisterResourceResponse:  # noqa: N802
        answer: resource_pb2.RegisterResourceResponse = super().RegisterResource(request)  # type: ignore[no-untyped-call]
        inputs = rpc.deserialize_properties(request.object, keep_unknowns=True)
        self._declared.resources[request.type, request.name] = Registered(
            answer.urn,
            request.parent,
            tuple(request.dependencies),
            inputs,
            request.provider,
            tuple(request.hooks.before_create),
            request.protect,
            request.retainOnDelete,
        )
        return answer


Run = Callable[..., Declared]


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch) -> Run:
    def run_program(
        found: Observed | ClusterError | None = None, preview: bool = False, **config: Any
    ) -> Declared:
        declared = Declared()
        values = {
            f"serverless-mesh:{key}": value if isinstance(value, str) else json.dumps(value)
            for key, value in config.items()
        }
        monkeypatch.setenv("PULUMI_CONFIG", json.dumps(values))

        class There(Cluster):
            def __init__(self) -> None:
                pass

            def observe(self, _: object) -> Observed:
                if isinstance(found, ClusterError):
                    raise found
                return found or Observed(apps_domain=DOMAIN)

            def find(self, ref: Ref) -> None:
                raise AssertionError(f"nothing is created here, {ref} neither")

        monkeypatch.setattr(Cluster, "connect", lambda *_: There())
        monkeypatch.setattr(pulumi.log, "warn", declared.warnings.append)
        exports: dict[str, Any] = {}
        monkeypatch.setattr(pulumi, "export", exports.__setitem__)
        mocks.set_mocks(
            Providers(),
            project="serverless-mesh",
            stack="test",
            preview=preview,
            monitor=Monitor(declared),
            organization="organization",
        )

        def program() -> pulumi.Output[None]:
            runpy.run_path(str(PROGRAM), run_name="__main__")
            return pulumi.Output.all(**exports).apply(declared.exports.update)

        pulumi.runtime.test(program)()
        return declared

    return run_program


def test_every_documented_object_is_declared(run: Run) -> None:
    declared = run()
    kubernetes = [n for (t, n) in declared.resources if t.startswith("kubernetes:")]
    assert sorted(kubernetes) == sorted([*NAMESPACES, *OBJECTS])


ALL_PARTS: dict[str, Any] = {
    "operators": {},
    "kafka": {"bootstrapServers": ["a.kafka:9092"]},
    "knative": {"labelledSecrets": [{"namespace": "shop", "name": "tls"}]},
    "domainMappings": [{"host": "www.example.org", "project": "shop", "service": "hello"}],
    "verification": {"image": "image"},
}
EXISTING: dict[str, Any] = {"mesh": {"existing": True}}


@pytest.mark.parametrize("config", [{}, EXISTING], ids=["own", "of others"])
def test_every_object_is_made_by_the_stacks_own_provider(run: Run, config: dict[str, Any]) -> None:
    declared = run(**ALL_PARTS, **config)
    providers = {n: r for (t, n), r in declared.resources.items() if t == PROVIDER}
    for provider in providers.values():
        assert provider.inputs["enableSecretMutable"] == "true"
    assert "upsertExistingObjects" not in providers["kubernetes"].inputs
    assert providers["adopting"].inputs["upsertExistingObjects"] == "true"
    adopted = (":Namespace", ":ServiceMeshMember", ":OperatorGroup")
    for (token, name), resource in declared.resources.items():
        if token.startswith("kubernetes:"):
            own = providers["adopting" if token.endswith(adopted) else "kubernetes"]
            assert resource.provider.startswith(f"{own.urn}::"), name


def test_every_object_is_looked_for_before_it_is_created(run: Run) -> None:
    for (token, name), resource in run(**ALL_PARTS).resources.items():
        looked_for = token.startswith("kubernetes:") and not token.endswith("Patch")
        assert ("nothing-taken-over" in resource.before_create) is looked_for, name


def test_the_stand_in_plugins_take_what_is_declared(run: Run) -> None:
    kinds = {**tls.kinds(), **random.KINDS}
    declared = run()
    for (token, name), resource in declared.resources.items():
        if token.startswith(("tls:", "random:")):
            assert resource.inputs.keys() <= kinds[token].inputs.keys(), name
    assert kinds.keys() <= {token for token, _ in declared.resources}


def test_names_are_the_documented_ones(run: Run) -> None:
    for (token, _), resource in run().resources.items():
        if token.startswith("kubernetes:"):
            assert resource.inputs["metadata"]["name"] in {
                *NAMESPACES,
                *OBJECTS,
                "default",
            }


def test_the_order_is_explicit(run: Run) -> None:
    declared = run()
    chain = [
        declared.one("LocallySignedCert", "wildcard-certificate"),
        declared.one("Secret", "wildcard-certs"),
        declared.one("ServiceMeshControlPlane", "basic"),
        declared.one("ServiceMeshMemberRoll", "default-members"),
        declared.one("Gateway", "knative-ingress-gateway"),
        declared.one("KnativeServing", "knative-serving"),
        declared.one("KnativeEventing", "knative-eventing"),
    ]
    for index, later in enumerate(chain):
        before = declared.before(later)
        assert {earlier.urn for earlier in chain[:index]} <= before, later.urn
        assert not {same.urn for same in chain[index:]} & before, later.urn


def test_the_order_of_the_optional_parts_is_explicit(run: Run) -> None:
    declared = run(**ALL_PARTS)
    edges = [
        ("Subscription", "serverless-operator", "ServiceMeshControlPlane", "basic"),
        ("Subscription", "servicemeshoperator", "ServiceMeshControlPlane", "basic"),
        ("SecretPatch", "shop-tls", "KnativeServing", "knative-serving"),
        ("KnativeEventing", "knative-eventing", "KnativeKafka", "knative-kafka"),
        ("ServiceEntry", "kafka-cluster", "KnativeKafka", "knative-kafka"),
        ("KnativeServing", "knative-serving", "DomainMapping", "www.example.org"),
        ("ClusterDomainClaim", "www.example.org-claim", "DomainMapping", "www.example.org"),
        ("KnativeKafka", "knative-kafka", "Service", "hello"),
    ]
    for kind, name, later_kind, later_name in edges:
        before = declared.before(declared.one(later_kind, later_name))
        assert declared.one(kind, name).urn in before, f"{name} before {later_name}"


def test_a_mesh_of_others_is_patched_and_joined(run: Run) -> None:
    declared = run(
        Observed(apps_domain=DOMAIN, control_plane=ControlPlane("basic")),
        mesh={
            "existing": True,
            "allowChanges": ["mtls", "drain", "gatewayLabels", "excludedPorts"],
        },
    )
    assert len(declared.warnings) == 4
    assert "spec.security.dataPlane.mtls becomes true (now not set)" in declared.warnings[0]
    assert set(declared.of("ServiceMeshControlPlane")) == {"control-plane"}, "the component alone"
    assert not declared.of("ServiceMeshMemberRoll")
    patch = declared.one("ServiceMeshControlPlanePatch", "basic")
    assert "pulumi.com/patchForce" not in patch.inputs["metadata"]["annotations"]
    assert set(declared.of("ServiceMeshMember")) == {
        "knative-serving-member",
        "knative-eventing-member",
    }


def test_a_provided_key_in_plaintext_stops_the_program(run: Run) -> None:
    section = {"from": "pem", "certificate": "A CERTIFICATE"}
    with pytest.raises(pulumi.RunError, match="stands in plaintext"):
        run(certificate=section, privateKey="A PRIVATE KEY")


@pytest.mark.parametrize(
    "mesh", [{}, {"version": 3}, {"version": 3, "existing": True}], ids=["2", "3", "existing 3"]
)
@pytest.mark.parametrize("certificate", ["authority", "secret"])
def test_namespaces_come_before_everything_in_them(
    run: Run, mesh: dict[str, Any], certificate: str
) -> None:
    unknown = ClusterError("no answer")
    declared = run(
        unknown, preview=True, appsDomain=DOMAIN, mesh=mesh, certificate={"from": certificate}
    )
    namespaces = declared.of("Namespace")
    for (token, _), resource in declared.resources.items():
        if token.startswith("kubernetes:") and "namespace" in resource.inputs["metadata"]:
            namespace = namespaces.get(resource.inputs["metadata"]["namespace"])
            if namespace is None:
                assert mesh.get("existing"), resource.urn
                continue
            assert namespace.urn in declared.before(resource), resource.urn


def test_both_gateways_and_the_service_come_before_serving(run: Run) -> None:
    declared = run()
    before = declared.before(declared.one("KnativeServing", "knative-serving"))
    gateways = [*declared.of("Gateway").values(), *declared.of("Service").values()]
    assert len(gateways) == 3
    assert {gateway.urn for gateway in gateways} <= before


@pytest.mark.parametrize(
    ("kind", "name"),
    [
        ("ServiceMeshControlPlane", "basic"),
        ("ServiceMeshMemberRoll", "default-members"),
        ("KnativeServing", "knative-serving"),
        ("KnativeEventing", "knative-eventing"),
    ],
)
def test_readiness_is_awaited_within_the_time_limit(run: Run, kind: str, name: str) -> None:
    declared = run(readyTimeoutSeconds="77")
    annotations = declared.one(kind, name).inputs["metadata"]["annotations"]
    assert annotations["pulumi.com/waitFor"] == "condition=Ready"
    assert annotations["pulumi.com/timeoutSeconds"] == "77"


def test_keys_are_secret_wherever_they_go(run: Run) -> None:
    declared = run()

    def plaintext(value: Any) -> bool:
        if isinstance(value, dict):
            return not rpc.is_rpc_secret(value) and any(map(plaintext, value.values()))
        if isinstance(value, list):
            return any(map(plaintext, value))
        return isinstance(value, str) and ("PRIVATE KEY" in value or "QSBQUklWQVRFIEtFWQ" in value)

    assert not [r.urn for r in declared.resources.values() if plaintext(r.inputs)]
    assert rpc.is_rpc_secret(declared.one("Secret", "wildcard-certs").inputs["data"])
    assert not plaintext(declared.exports)


def test_the_secret_holds_the_certificate_and_its_key(run: Run) -> None:
    secret = run().one("Secret", "wildcard-certs").inputs
    assert secret["type"] == "kubernetes.io/tls"
    assert rpc.unwrap_rpc_secret(secret["data"]) == {
        "tls.crt": "QSBDRVJUSUZJQ0FURQ==",
        "tls.key": "QSBQUklWQVRFIEtFWQ==",
    }
    labels = secret["metadata"]["labels"]
    assert labels["networking.internal.knative.dev/certificate-uid"] == "some-uuid"


def test_the_settings_reach_the_certificates(run: Run) -> None:
    declared = run(
        certificate={
            "keyBits": 4096,
            "caDays": 20,
            "days": 10,
            "earlyRenewalHours": 24,
            "organization": "ACME",
            "caCommonName": "acme.example",
            "subjectAltNames": ["shop.acme.example"],
        }
    )
    assert {key.inputs["rsaBits"] for key in declared.of("PrivateKey").values()} == {4096}
    authority = declared.one("SelfSignedCert", "certificate-authority").inputs
    assert authority["subject"] == {"organization": "ACME", "commonName": "acme.example"}
    assert (authority["validityPeriodHours"], authority["earlyRenewalHours"]) == (480, 24)
    assert authority["isCaCertificate"] is True
    request = declared.one("CertRequest", "wildcard-certificate-request").inputs
    assert request["subject"] == {"organization": "ACME", "commonName": f"*.{DOMAIN}"}
    assert request["dnsNames"] == [f"*.{DOMAIN}", "shop.acme.example"]
    certificate = declared.one("LocallySignedCert", "wildcard-certificate").inputs
    assert (certificate["validityPeriodHours"], certificate["earlyRenewalHours"]) == (240, 24)
    assert "server_auth" in certificate["allowedUses"]


@pytest.mark.parametrize(
    "present",
    [{}, {"istio-system": Namespace(), "knative-serving": Namespace(), "shop": Namespace()}],
    ids=["absent", "present"],
)
def test_namespaces_are_declared_whatever_is_there_and_never_deleted(
    run: Run, present: dict[str, Namespace]
) -> None:
    declared = run(Observed(present, DOMAIN), projects='["shop"]')
    made = declared.of("Namespace")
    assert sorted(made) == [*NAMESPACES, "shop"]
    for name, namespace in made.items():
        assert namespace.inputs["metadata"] == {"name": name}
        assert namespace.retained


KEPT = {
    "default-members": (False, True),
    "basic": (False, True),
    "wildcard-certs": (False, True),
    "serverless-operator": (False, True),
    "servicemeshoperator": (False, True),
    "knative-serving": (True, False),
    "knative-eventing": (True, False),
    "knative-kafka": (True, False),
}
"""What others depend on: whether it is protected, and whether it is retained."""


def test_what_others_depend_on_is_kept(run: Run) -> None:
    declared = run(**ALL_PARTS)
    kept = {
        name: (resource.protected, resource.retained)
        for (token, name), resource in declared.resources.items()
        if token.startswith("kubernetes:") and not token.endswith((":Namespace", ":OperatorGroup"))
    }
    assert {name: kept[name] for name in KEPT} == KEPT
    assert not {name for name, flags in kept.items() if any(flags)} - KEPT.keys()


def test_nothing_but_namespaces_and_their_group_is_kept_when_the_setting_says_so(run: Run) -> None:
    for (token, name), resource in run(**ALL_PARTS, protect="false").resources.items():
        always = token.endswith((":Namespace", ":OperatorGroup"))
        assert (resource.protected, resource.retained) == (False, always), name


def test_a_membership_that_others_hold_too_stays(run: Run) -> None:
    joined = Membership("istio-system", "basic")
    found = Observed(
        apps_domain=DOMAIN,
        memberships={"knative-serving": replace(joined, shared=True), "knative-eventing": joined},
    )
    members = run(found, **EXISTING).of("ServiceMeshMember")
    assert members["knative-serving-member"].retained
    assert not members["knative-eventing-member"].retained


def test_a_namespace_on_its_way_out_is_an_error(run: Run) -> None:
    with pytest.raises(pulumi.RunError, match="knative-serving is being deleted"):
        run(Observed({"knative-serving": Namespace(terminating=True)}, DOMAIN))


def test_a_preview_does_without_a_cluster(run: Run) -> None:
    declared = run(ClusterError("the cluster does not answer"), preview=True, appsDomain=DOMAIN)
    assert sorted(declared.of("Namespace")) == NAMESPACES
    assert "the cluster does not answer" in declared.warnings[0]


def test_an_update_does_not(run: Run) -> None:
    with pytest.raises(pulumi.RunError, match="the cluster does not answer"):
        run(ClusterError("the cluster does not answer"), appsDomain=DOMAIN)


def test_bad_settings_stop_the_program_before_anything_is_declared(run: Run) -> None:
    with pytest.raises(pulumi.RunError) as caught:
        run(certificate={"keyBits": 1}, mesh={"namespace": "No"})
    assert "Pulumi.test.yaml: 2 errors" in str(caught.value)


def test_serving_without_eventing(run: Run) -> None:
    declared = run(projects=["shop"], knative={"eventing": False})
    assert not declared.of("KnativeEventing")
    assert "knative-eventing" not in declared.of("NamespacePatch")
    roll = declared.one("ServiceMeshMemberRoll", "default-members")
    assert roll.inputs["spec"]["members"] == ["knative-serving", "shop"]
    assert declared.exports["members"] == ["knative-serving", "shop"]


def test_another_domain_is_that_of_certificate_services_and_verification(run: Run) -> None:
    declared = run(knative={"defaultDomain": "kn.example.org"}, verification={"image": "hello"})
    assert declared.exports["domain"] == "kn.example.org"
    assert declared.exports["verificationUrl"] == "https://hello-default.kn.example.org"
    (request,) = declared.of("CertRequest").values()
    assert request.inputs["dnsNames"] == ["*.kn.example.org"]
    (authority,) = declared.of("SelfSignedCert").values()
    assert authority.inputs["subject"]["commonName"] == "example.com"
    serving = declared.one("KnativeServing", "knative-serving")
    assert serving.inputs["spec"]["config"]["domain"] == {"kn.example.org": ""}


def test_the_exports(run: Run) -> None:
    declared = run(projects=["shop"], mesh={"namespace": "mesh"})
    assert declared.exports == {
        "domain": DOMAIN,
        "caCertificatePem": "A CA",
        "wildcardSecret": "mesh/wildcard-certs",
        "controlPlane": "mesh/basic",
        "members": ["knative-serving", "knative-eventing", "shop"],
    }
