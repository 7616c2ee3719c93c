//! Inference of fastText supervised models, quantised or not.
