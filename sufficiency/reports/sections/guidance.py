"""The five questions on provision mapping of the 2021 guidance, under their own words."""

from __future__ import annotations

from sufficiency.reports import formatting as fmt
from sufficiency.reports import measures
from sufficiency.reports.blocks import Block, Heading, Section, Text
from sufficiency.reports.facts import TOLERANCE, Run, as_float, as_int, widest
from sufficiency.vocabulary import KINDS, LEDGERS, year_group_name
from sufficiency.vocabulary import academic_year_label as year_label

SOURCE = (
    "Questions: Department for Education, Sustainable high needs systems: learning from the "
    "'safety valve' intervention programme, under “Appropriate and thorough provision mapping”."
)
DEAR = ("independent_special", "non_maintained_special")


def guidance(run: Run) -> Section:
    """What the plan answers to each question, and what it cannot."""
    blocks: list[Block] = []
    for words, answers in (
        (
            "Do we have sufficient provision within the local authority or neighbouring area to "
            "meet current and anticipated needs?",
            _sufficient(run),
        ),
        (
            "Is there an over-reliance on higher-cost provision, such as independent school "
            "places?",
            _reliance(run),
        ),
        (
            "How strong are our working relationships with neighbouring LAs in relation to joint "
            "planning and use of specialist provision?",
            _neighbours(run),
        ),
        (
            "Do we have an appropriate sufficiency strategy in place for specialist provision?",
            _strategy(run),
        ),
        (
            "Are we maximising opportunities to place children in appropriate and cost-effective "
            "provision, such as mapping transition points for children and young people and "
            "working closely with parents?",
            _opportunities(run),
        ),
    ):
        blocks.append(Heading(words))
        blocks += [Text(a) for a in answers]
    blocks.append(Text(SOURCE, "note"))
    return Section(
        "guidance",
        "How does the plan answer the five questions on provision mapping?",
        _short(run),
        "Each question stands below in the guidance's own words, with what this plan says to it "
        "and what it cannot say.",
        "The answers rest on this plan's forecast and assumptions. Relationships, culture and "
        "families' views are not in its tables.",
        blocks,
    )


def _short(run: Run) -> str:
    row = run.local_by_year.loc[run.last]
    gap = as_float(row["gap"])
    dear = _dear(run)[1]
    enough = gap < 0.01 * max(as_float(row["children_needing"]), 1.0)
    return (
        f"Provision {'is nearly sufficient' if enough else 'is not sufficient for everybody'} by "
        f"{year_label(run.last)}, when {fmt.percent(dear)} of children are in independent or "
        "non-maintained special schools."
    )


def _sufficient(run: Run) -> list[str]:
    found = []
    for year, word in ((run.base, "Now"), (run.last, "By the end")):
        row = run.local_by_year.loc[year]
        needing, local = (as_float(row[c]) for c in ("children_needing", "in_local_state_places"))
        part = measures.in_and_out(run, run.plan).loc[year]
        found.append(
            f"{word} ({year_label(year)}): {fmt.whole(local)} of the {fmt.children(needing)} who "
            f"need more than a mainstream class have a local state place "
            f"({fmt.share_of(local, needing)}); {fmt.whole(as_float(row['gap']))} have none. "
            f"{fmt.capital_first(fmt.children(as_float(part['outside'])))} of all are placed "
            "outside the authority."
        )
    gaps = run.plan.gaps
    last = gaps[gaps["academic_year"] == run.last]
    if len(last) and as_float(last["gap"].max()) >= 0.5:
        by = last.groupby(["locality", "designation"])["gap"].sum()
        place, designation = widest(by)
        found.append(
            f"The widest gap in {year_label(run.last)} is {designation} in {place}: "
            f"{fmt.children(as_float(by.max()))} without a local state place. Neighbours' vacant "
            "places are known only as far as the table of provisions lists them."
        )
    return found


def _dear(run: Run) -> tuple[float, float]:
    """Share of children in independent and non-maintained schools: base year, last year."""
    mix = run.plan.mix[run.plan.mix["kind"].isin(DEAR)]
    by_year = mix.groupby("academic_year")["children"].sum()
    now, then = (
        as_float(by_year.get(y, 0.0)) / max(run.children(y), 1e-9) for y in (run.base, run.last)
    )
    return now, then


def _reliance(run: Run) -> list[str]:
    now, then = _dear(run)
    ledger = run.plan.ledger
    full = ledger[ledger["complete"].astype(bool) & (ledger["ledger"] == "dsg")]
    by_year = full.groupby("financial_year")["pounds"].sum()
    dear = full[full["kind"].isin(DEAR)].groupby("financial_year")["pounds"].sum()
    first, last = run.first, run.last
    shares = [as_float(dear.get(y, 0.0)) / max(as_float(by_year.get(y, 0.0)), 1e-9)
              for y in (first, last)]  # fmt: skip
    words = (
        f"{KINDS['independent_special']}s and {KINDS['non_maintained_special'].lower()}s take "
        f"{fmt.percent(now)} of children in {year_label(run.base)} and {fmt.percent(then)} in "
        f"{year_label(run.last)}. They take {fmt.percent(shares[0])} of {LEDGERS['dsg']} spending "
        f"in the first financial year and {fmt.percent(shares[1])} in the last."
    )
    if run.without is not None:
        other = run.without.mix
        there = other[other["kind"].isin(DEAR) & (other["academic_year"] == run.last)]
        whole = other.loc[other["academic_year"] == run.last, "children"].sum()
        words += (
            " With committed schemes only, they would take "
            f"{fmt.share_of(as_float(there['children'].sum()), as_float(whole))} of children in "
            f"{year_label(run.last)}."
        )
    return [
        words,
        "A share is no proof of over-reliance: some children need what only such a school offers, "
        "and families may choose it. The plan moves nobody within a phase.",
    ]


def _neighbours(run: Run) -> list[str]:
    table = measures.in_and_out(run, run.plan)
    ours = run.plan.mix[run.plan.mix["kind"] == "out_of_area_state_special"]
    by_year = ours.groupby("academic_year")["children"].sum()
    return [
        f"State special schools of other authorities take "
        f"{fmt.children(as_float(by_year.get(run.base, 0.0)))} of ours in {year_label(run.base)} "
        f"and {fmt.whole(as_float(by_year.get(run.last, 0.0)))} in {year_label(run.last)}; "
        f"children of other authorities fill {fmt.places(as_float(table.at[run.base, 'others']))} "
        f"here in {year_label(run.base)} and {fmt.whole(as_float(table.at[run.last, 'others']))} "
        f"in {year_label(run.last)}.",
        "How strong the relationships are is not in any table. The plan holds what neighbours use "
        "here as given, and plans one authority at a time: agree both numbers with them before "
        "either authority builds on them.",
    ]


def _strategy(run: Run) -> list[str]:
    opened = run.opened
    offered = len(run.plan.schemes)
    words = (
        f"This plan can be the quantified part of one: it covers {run.period}, weighs {offered} "
        f"{'scheme' if offered == 1 else 'schemes'} together, and opens {len(opened)} with "
        f"{fmt.places(as_float(opened['places'].sum()))} for "
        f"{fmt.pounds(as_float(opened['capital_pounds'].sum()))} of capital."
        if offered
        else "Not from this plan alone: no scheme was put forward, so it shows what today's places "
        f"mean for {run.period}."
    )
    return [
        words,
        "A strategy also needs consultation with children and parents, schools and colleges "
        "(Children and Families Act 2014, section 27), the quality of provision and the workforce. "
        "None of them is in this plan.",
    ]


def _opportunities(run: Run) -> list[str]:
    table = run.plan.transfers
    found = []
    if len(table):
        moves = table[table["from_kind"].isin(DEAR)]
        back = moves[moves["to_kind"].isin(("specialist_base", "state_special"))]
        into = table[~table["from_kind"].isin(DEAR) & table["to_kind"].isin(DEAR)]
        found.append(
            f"At transition points over {run.period}, "
            f"{fmt.children(as_float(back['children'].sum()))} come from "
            "independent and non-maintained special schools into bases and state "
            f"special schools of the authority, and {fmt.whole(as_float(into['children'].sum()))} "
            "enter independent and non-maintained special schools from elsewhere or with a new "
            "plan."
        )
        if as_float(back["children"].sum()) > TOLERANCE:
            by = back.groupby("transition_point")["children"].sum()
            found.append(
                f"Most of the first move at {year_group_name(as_int(by.idxmax()))} "
                f"({fmt.children(as_float(by.max()))}). These are numbers, not children: which "
                "child moves is for its family and its annual review."
            )
    found.append(
        "Parents' wishes enter the plan as shares of families who choose another kind of "
        "provision (see What does the plan assume?). Working with them is the authority's task; "
        "the plan changes a placement only at a phase transfer."
    )
    return found
