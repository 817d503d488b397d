//! Whether a page is what it should be, whatever its records say.
