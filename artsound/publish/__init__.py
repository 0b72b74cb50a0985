"""From a finished release to where others read it from."""
