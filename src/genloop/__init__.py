"""genloop: a folder of pictures or a table in, trained and versioned generators out.

The map, in the order in which data travel:

- ``config``: params.yaml as frozen, checked objects; ``plugins``: what a kind of data and a kind of model must provide.
- ``image``: reading pictures, their networks, their likelihood, their scores.
- ``losses``: pure functions; ``gan`` and ``vae``: the two LightningModules; ``training``: build, fit, resume, save.
- ``sampling`` and ``bounds``: what trained weights generate, and what they say of held-out records.
- ``identity`` and ``tracking``: which run is which, and everything that MLflow shows of it.
- ``command``: how the stages in ``stages/`` and ``python -m genloop`` start, and how they fail.
"""
