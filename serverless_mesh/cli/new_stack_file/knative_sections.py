"""The sections about Knative: projects, `knative`, `kafka`, `operators`, `verification`."""

from collections.abc import Iterator

from mesh_policy.documented.kinds import (
    EVENTING,
    KAFKA,
    KAFKA_CLUSTER,
    KNATIVE_SERVICE,
    SERVING,
    SUBSCRIPTION,
)
from mesh_policy.documented.names import (
    DEFAULT_MESH_NAMESPACE,
    DOMAIN_TEMPLATE,
    SERVERLESS_PACKAGE,
)
from mesh_policy.reading.dns_names import is_reserved
from mesh_policy.reading.kafka_servers import parse
from mesh_policy.reading.knative_domains import naming
from mesh_policy.reading.operators import is_there
from mesh_policy.reading.values import at, items, text, truth
from serverless_mesh.cli.new_stack_file.found import Found
from serverless_mesh.cli.new_stack_file.mesh_choice import Chosen
from serverless_mesh.cli.stack_file_text import Setting
from serverless_mesh.settings import Kafka

_FEATURES = Kafka.model_fields["features"].default


def projects(found: Found, chosen: Chosen) -> Setting:
    """Return the projects: where Knative Services are, but for those of other meshes."""
    theirs = {each.ref.namespace for each in found.world.objects(KNATIVE_SERVICE)}
    theirs = {name for name in theirs if not is_reserved(name) and name != DEFAULT_MESH_NAMESPACE}
    others = [
        mesh
        for mesh in found.control_planes
        if (mesh.namespace, mesh.name) != (chosen.section.namespace, chosen.section.name)
    ]
    elsewhere = {name: mesh for name in theirs for mesh in others if name in mesh.namespaces}
    why = (
        "The projects with Knative Services."
        if theirs
        else "TO SET: no project has Knative Services yet; name those that are to join the mesh."
    )
    for name, mesh in sorted(elsewhere.items()):
        why += f" {name} is in the mesh {mesh} and is left out: it has to leave that first."
    return Setting("projects", sorted(theirs - elsewhere.keys()), why)


def knative(found: Found) -> Iterator[Setting]:
    """Return the section `knative`, where Knative is configured otherwise than by default."""
    world = found.world
    serving = next(iter(world.objects(SERVING)), None)
    keys: list[Setting] = []
    # Kafka is a part of Eventing.
    eventing = world.objects(EVENTING) or world.objects(KAFKA) or EVENTING in world.unread
    if serving is not None and not eventing:
        keys.append(Setting("eventing", False, "Serving is installed, and Eventing is not."))
    if serving is not None:
        if found.services_domain not in ("", found.apps_domain):
            keys.append(
                Setting("defaultDomain", found.services_domain, "As KnativeServing has it.")
            )
        template = text(naming(world, serving).template)
        if template and template != DOMAIN_TEMPLATE:
            keys.append(Setting("domainTemplate", template, "As KnativeServing has it."))
    if keys:
        yield Setting("knative", section=tuple(keys))


def kafka(found: Found) -> Iterator[Setting]:
    """Return the section `kafka`: as KnativeKafka has it, or in marks where brokers are there."""
    installed = next(iter(found.world.objects(KAFKA)), None)
    if installed is not None:
        spec = installed.get("spec")
        places = (*(("broker", "defaultConfig"), ("channel",), ("sink",), ("source",)),)
        written = (text(at(spec, *place, "bootstrapServers")) for place in places)
        servers = next((_servers(each) for each in written if _servers(each)), [])
        features = [name for name in _FEATURES if truth(at(spec, name, "enabled"))]
        keys = (Setting("bootstrapServers", servers), Setting("features", features))
        if servers and features:
            yield Setting("kafka", why=f"As {installed.ref} has it.", section=keys)
            return
    for cluster in found.world.objects(KAFKA_CLUSTER):
        listeners = items(cluster.get("status", "listeners"))
        named = (text(at(each, "bootstrapServers")) for each in listeners)
        if servers := next((_servers(each) for each in named if _servers(each)), []):
            yield Setting(
                "kafka",
                why=f"TO DECIDE: {cluster.ref} is there. Take the marks away to have KnativeKafka "
                "installed with its brokers.",
                section=(Setting("bootstrapServers", servers),),
                active=False,
            )
            return


def _servers(written: str) -> list[str]:
    parts = [part.strip() for part in written.split(",") if part.strip()]
    return parts if all(map(parse, parts)) else []


def operators(found: Found, chosen: Chosen) -> Iterator[Setting]:
    """Return the section `operators`, where neither operator is installed."""
    if _missing(found, chosen) == [SERVERLESS_PACKAGE, chosen.section.variant.package]:
        yield Setting(
            "operators",
            why="Neither operator is installed: the stack subscribes to both.",
            section=(
                Setting("serverlessChannel", "stable"),
                Setting("meshChannel", "stable"),
                Setting("approval", "Automatic"),
            ),
        )


def verification() -> Setting:
    """Return the section `verification`, in marks: the image has to be reachable."""
    return Setting(
        "verification",
        why="TO DECIDE: a Knative Service by which `serverless-mesh verify` proves the whole "
        "chain. The cluster must be able to pull the image; the project joins the mesh.",
        section=(
            Setting("image", "openshift/hello-openshift"),
            Setting("project", "default"),
        ),
        active=False,
    )


def remarks(found: Found, chosen: Chosen) -> Iterator[str]:
    """Say what there is to look at about Knative and the operators."""
    missing = _missing(found, chosen)
    if len(missing) == 1:
        yield f"The operator {missing[0]} is not installed: install it before `pulumi up`."
    elif missing and not found.serves(SUBSCRIPTION):
        yield "The cluster has no Operator Lifecycle Manager to install the operators by."
    for item in (*found.world.objects(SERVING), *found.world.objects(EVENTING)):
        yield (
            f"{item.ref} is there already. The stack takes over nothing of others: the preview "
            "names the command by which the stack gets it."
        )


def _missing(found: Found, chosen: Chosen) -> list[str]:
    """Return the packages of the operators that are not installed."""
    package = chosen.section.variant.package
    serverless = found.serves(SERVING) or is_there(found.world, SERVERLESS_PACKAGE)
    there = {SERVERLESS_PACKAGE: serverless, package: found.installed(chosen.section.variant)}
    return [name for name, is_installed in there.items() if not is_installed]
