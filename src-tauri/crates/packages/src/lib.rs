//! What a plugin package is: manifest, archive, signature, where it comes from.
