"""The whole job put together from the stages, each finding or making its artifact in the workdir.

- `commands`: what each program calls (run, extract, retrieve, evaluate, export); `prediction`: naming image files.
- `inputs`, `networks`, `audit`, `neighbors`, `feature_neighbors`, `importance`, `retrieving`, `learning`, `results`:
  the stages between flags and artifacts.
"""
