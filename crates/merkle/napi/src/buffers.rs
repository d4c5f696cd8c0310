//! Buffers of the caller as slices: the only unsafe code of the addon.
//!
//! Rust may assume that what it writes to is reached by one slice alone. JavaScript
//! can pass one buffer twice, so the outputs of each call are compared with all its
//! other buffers before a mutable slice is made.
//!
//! That no other thread writes to a `SharedArrayBuffer` during a call is the duty of
//! the caller, as with every addon.

use std::ops::Range;

use napi::bindgen_prelude::{Float64ArraySlice, Uint8ArraySlice, Uint32ArraySlice};

/// The addresses of a buffer.
pub type Span = Range<usize>;

/// A typed array that a call writes to.
pub trait Output {
    type Element;

    fn span(&self) -> Span;

    /// # Safety
    ///
    /// No other slice of the same memory may be in use.
    unsafe fn slice_mut(&mut self) -> &mut [Self::Element];
}

pub fn span_of<T>(slice: &[T]) -> Span {
    let pointers = slice.as_ptr_range();
    pointers.start as usize..pointers.end as usize
}

/// Whether two buffers share a byte.
pub fn overlap(left: &Span, right: &Span) -> bool {
    left.start < right.end && right.start < left.end
}

macro_rules! output {
    ($slice:ty, $element:ty) => {
        impl Output for $slice {
            type Element = $element;

            fn span(&self) -> Span {
                span_of(self)
            }

            unsafe fn slice_mut(&mut self) -> &mut [$element] {
                // SAFETY: the caller's duty is passed on.
                unsafe { self.as_mut() }
            }
        }
    };
}

output!(Uint8ArraySlice<'_>, u8);
output!(Uint32ArraySlice<'_>, u32);
output!(Float64ArraySlice<'_>, f64);
