"""The order of a template's resources: what each needs before it can be made.

A resource needs those that it names in ``DependsOn``, ``Ref``, ``Fn::GetAtt`` and ``Fn::Sub``, in all branches of its
conditions, as on AWS.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping

from headwater.local.services.cloudformation.template import Template, references, validation_error

Dependencies = dict[str, set[str]]


def dependencies(template: Template, active: Collection[str] | None = None) -> Dependencies:
    """What each resource needs, by logical id.

    Parameters
    ----------
    template:
        The template.
    active:
        The resources whose condition holds (all when None); others are left out on both sides.

    Raises
    ------
    ServiceError
        ValidationError "Circular dependency between resources: […]".
    """
    chosen = set(template.resources if active is None else active)
    graph: Dependencies = {}
    for name in template.resources:
        if name not in chosen:
            continue
        resource = template.resources[name]
        needed = {reference.target for reference in references(resource.properties)} | set(resource.depends_on)
        graph[name] = needed & chosen
    if cycle := circular(graph):
        raise validation_error(f"Circular dependency between resources: [{', '.join(cycle)}]")
    return graph


def circular(graph: Mapping[str, Collection[str]]) -> list[str]:
    """The nodes on a cycle or on a path between two cycles, in name order; empty when there is none."""
    left = _peel(graph, graph)
    backwards: Dependencies = {name: set() for name in left}
    for name in left:
        for needed in graph[name]:
            if needed in left:
                backwards[needed].add(name)
    return sorted(_peel(backwards, left))


def _peel(graph: Mapping[str, Collection[str]], nodes: Iterable[str]) -> set[str]:
    """The nodes left when those that need nothing are taken away, again and again."""
    left = set(nodes)
    needed_by: Dependencies = {name: set() for name in left}
    count = {name: 0 for name in left}
    for name in left:
        for needed in set(graph[name]) & left:
            needed_by[needed].add(name)
            count[name] += 1
    free = [name for name in left if count[name] == 0]
    while free:
        name = free.pop()
        left.discard(name)
        for dependent in needed_by[name]:
            count[dependent] -= 1
            if count[dependent] == 0:
                free.append(dependent)
    return left


def creation_order(graph: Mapping[str, Collection[str]]) -> list[str]:
    """Every node after all that it needs; ties in the graph's own order. The graph has no cycle."""
    order: list[str] = []
    done: set[str] = set()

    def visit(name: str) -> None:
        stack = [(name, iter(sorted(set(graph[name]))))]
        while stack:
            current, needs = stack[-1]
            following = next((n for n in needs if n in graph and n not in done), None)
            if following is None:
                stack.pop()
                if current not in done:
                    done.add(current)
                    order.append(current)
            else:
                stack.append((following, iter(sorted(set(graph[following])))))

    for name in graph:
        if name not in done:
            visit(name)
    return order
