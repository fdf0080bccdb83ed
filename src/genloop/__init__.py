"""genloop: a folder of pictures or a table in, trained and versioned generators out.

The map, in the order in which data travel:

- ``config``: params.yaml as frozen, checked objects; ``plugins``: what a kind of data and a kind of model must provide.
- ``image``: reading pictures, their networks, their likelihood, their scores.
- ``losses``: pure functions; ``gan`` and ``vae``: the two LightningModules; ``training``: build, fit, resume, save.
- ``held_out``, ``validation`` and ``watching``: which weights are kept; ``doctor``: what ails a training.
- ``sampling`` and ``bounds``: what trained weights generate, and what they say of held-out records.
- ``evaluation``, ``intervals``, ``copying`` and ``report``: how good a run is, how sure that is, and a page about it.
- ``comparison`` and ``protocol``: runs side by side, of several seeds together, of unlike protocols never.
- ``identity`` and ``tracking``: which run is which, and everything that MLflow shows of it.
- ``command``: how the stages in ``stages/`` and ``python -m genloop`` start, and how they fail.
"""
