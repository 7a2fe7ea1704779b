// Classes of bytes, as the HTTP grammar names them.

/// `tchar` of RFC 9110 section 5.6.2.
@inline(__always)
func isTokenByte(_ byte: UInt8) -> Bool {
  // Bit i of the mask says whether byte i of the half is a token byte.
  if byte < 64 { return (0x03FF_6CFA_0000_0000 as UInt64) >> UInt64(byte) & 1 == 1 }
  if byte < 128 { return (0x57FF_FFFF_C7FF_FFFE as UInt64) >> UInt64(byte - 64) & 1 == 1 }
  return false
}

/// Everything a field value may hold: visible bytes, SP, HTAB and bytes above ASCII.
@inline(__always)
func isFieldValueByte(_ byte: UInt8) -> Bool {
  byte >= 0x20 && byte != 0x7F || byte == 0x09
}

/// SP or HTAB.
@inline(__always)
func isBlank(_ byte: UInt8) -> Bool { byte == 0x20 || byte == 0x09 }

@inline(__always)
func isDigit(_ byte: UInt8) -> Bool { byte &- 0x30 < 10 }

@inline(__always)
func lowercase(_ byte: UInt8) -> UInt8 { byte &- 0x41 < 26 ? byte | 0x20 : byte }

/// 0 … 15, or nil for a byte that is no hexadecimal digit.
@inline(__always)
func hexValue(_ byte: UInt8) -> UInt8? {
  if isDigit(byte) { return byte - 0x30 }
  let lower = byte | 0x20
  return lower >= 0x61 && lower <= 0x66 ? lower - 0x61 + 10 : nil
}

/// Compares ASCII without regard to case; other bytes must be equal.
func equalIgnoringCase(_ left: String, _ right: String) -> Bool {
  guard left.utf8.count == right.utf8.count else { return false }
  let a = left.utf8.span
  let b = right.utf8.span
  guard a.count == b.count else { return false }
  for index in a.indices where lowercase(a[index]) != lowercase(b[index]) { return false }
  return true
}

/// The digits of a decimal number without sign, or nil when it is none or too large.
func decimal(_ text: some Sequence<UInt8>) -> Int? {
  var value = 0
  var digits = 0
  for byte in text {
    guard isDigit(byte) else { return nil }
    let (scaled, overflow) = value.multipliedReportingOverflow(by: 10)
    let (sum, carry) = scaled.addingReportingOverflow(Int(byte - 0x30))
    if overflow || carry { return nil }
    value = sum
    digits += 1
  }
  return digits > 0 ? value : nil
}

/// Strips blanks (SP, HTAB) at both ends; no other byte counts as blank.
func trimBlanks(_ text: Substring) -> Substring {
  var view = text.utf8[...]
  while let byte = view.first, byte == 0x20 || byte == 0x09 { view.removeFirst() }
  while let byte = view.last, byte == 0x20 || byte == 0x09 { view.removeLast() }
  return Substring(view)
}
