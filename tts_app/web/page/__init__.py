"""The page people use, in English and Chinese. `build` makes it, `mount` puts it into the app safely."""
