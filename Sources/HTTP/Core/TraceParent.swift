/// Whether a text is the `traceparent` of a request that belongs to a trace (W3C Trace Context, section 3.2): version, trace, parent
/// and flags, in lower-case hexadecimal digits. Of versions that are not known yet more may follow.
func isTraceParent(_ text: String) -> Bool {
  let parts = text.split(separator: "-", omittingEmptySubsequences: false)
  guard parts.count >= 4, text.utf8.count <= 256,
    zip(parts, [2, 32, 16, 2]).allSatisfy({ part, length in
      part.utf8.count == length
        && part.utf8.allSatisfy { isDigit($0) || (0x61...0x66).contains($0) }
    })
  else { return false }
  // The version ff is none; zeros name neither a trace nor a parent.
  guard parts[0] != "ff", parts[0] != "00" || parts.count == 4 else { return false }
  return parts[1].contains { $0 != "0" } && parts[2].contains { $0 != "0" }
    && text.utf8.allSatisfy { $0 > 0x20 && $0 < 0x7F }
}
