"""From a workflow to a plan: graph → nested states → roles → resources → a CloudFormation template and its assets.

Pure: no network, no clock, no account. The same project gives the same plan, byte for byte. Start at
:func:`headwater.plan.plan.make_plan`; :mod:`headwater.plan.render` shows a plan to people and programs.
"""
