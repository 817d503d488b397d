//! The pictures of a report, one file each: from a survey of records to figures, or to the reason why there are none.
