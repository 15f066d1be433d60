"""An estimate for people: the line that ends a run, and the table of ``headwater cost``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from rich.markup import escape

from headwater.cli.console import out

if TYPE_CHECKING:
    from headwater.plan.cost.estimate import Estimate


def say_cost(cost: dict[str, Any]) -> None:
    """The line that ends a run."""
    from headwater.cli.costing import usd_text

    if "error" in cost:
        out.print(f"  no estimate of what this costs on AWS: {escape(cost['error'])}", style="dim")
        return
    planned, on_demand = usd_text(cost["planned_usd"]), usd_text(cost["on_demand_usd"])
    out.print(
        f"  on AWS this run would cost about {planned} ({cost['region']}; {on_demand} on demand): `headwater cost`"
    )
    if count := len(cost["unpriced"]):
        out.print(f"  without what has no known price ({count} in all), which `headwater cost` names", style="dim")
    monthly, budget = cost["planned_usd_a_month"], cost["budget_usd"]
    spent, span = (cost["planned_usd"], "run") if monthly is None else (monthly, "month")
    if budget is not None and spent > budget:
        above = f"  that is {usd_text(spent)} a {span}, above budget_usd={budget}: `headwater deploy` will refuse it"
        out.print(above, style="yellow")


def say_estimate(least: Estimate, most: Estimate, on_demand: bool) -> None:
    """The table, the totals, and what they rest on."""
    from headwater.cli.costing import usd_text

    rows = [("stage", "service", "quantity", "on demand", "as planned")]
    for line in most.lines:
        amounts = (usd_text(line.on_demand_usd), usd_text(line.planned_usd))
        rows.append((line.stage, line.service, f"{number_text(line.quantity)} {line.unit}", *amounts))
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for number, row in enumerate(rows):
        cells = [
            cell.ljust(width) if at < 3 else cell.rjust(width) for at, (cell, width) in enumerate(zip(row, widths))
        ]
        out.print("  ".join(cells[:4] if on_demand else cells), markup=False, style="" if number else "bold")
    totals = [est.on_demand_usd if on_demand else est.planned_usd for est in (least, most)]
    if most.measured:
        how = "on demand" if on_demand else f"as planned, {usd_text(most.on_demand_usd)} on demand"
        out.print(f"run {most.run}: about {usd_text(totals[1])} a run in {most.region} ({how})", markup=False)
    else:
        out.print(
            f"not measured: no run has succeeded yet. A run costs from {usd_text(totals[0])} (AWS's minimum billing) "
            f"to {usd_text(totals[1])} (every stage once, up to its timeout_s, as in the table) in {most.region}",
            style="yellow",
        )
    if most.runs_a_month is not None:
        monthly = totals[1] * most.runs_a_month + most.standing_usd_a_month
        at_most = "about" if most.measured else "at most"
        runs = f"{number_text(most.runs_a_month)} runs"
        out.print(f"{at_most} {usd_text(monthly)} a month: {runs}, the storage, the alarms and the dashboard")
    if most.unpriced:
        out.print("these amounts are without what has no known price, which is named below", style="yellow")
    if most.storage_usd_a_month is not None and most.measured:
        out.print(f"storage: {usd_text(most.storage_usd_a_month)} a month for what the datasets hold now")
    alarms, dashboard = usd_text(most.alarms_usd_a_month), usd_text(most.dashboard_usd_a_month)
    out.print(f"alarms: {alarms} a month; dashboard: {dashboard} a month (an account's first three are free)")
    for text in most.assumptions:
        out.print(f"  assumed: {text}", style="dim", markup=False)
    for text in most.unknown:
        out.print(f"  not known: {text}", style="dim", markup=False)
    out.print(f"  prices gathered {most.prices_read}, without taxes; docs/cost.md says from where", style="dim")


def number_text(number: float) -> str:
    """A quantity for people: ``0.06667``, ``43,830``."""
    return f"{number:,.0f}" if number >= 1000 else f"{number:.4g}"
