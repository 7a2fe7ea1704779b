/// The bytes of a name as text: UTF-8 where they are that, otherwise by a stated rule, which gives different texts for
/// different bytes. So no name is lost, whatever system wrote it, and whatever the process's locale is.
enum EntryName {
  /// How names that are not UTF-8 are shown.
  enum Fallback {
    /// Each byte from 128 on as `%` and two hexadecimal digits: nothing says which encoding a folder or a tar has.
    case percent
    /// Code page 437, which the zip format has for names without the mark of UTF-8 (APPNOTE, appendix D).
    case codePage437
  }

  static func text(_ bytes: [UInt8], otherwise fallback: Fallback) -> String {
    if let text = String(validating: bytes, as: UTF8.self) { return text }
    return bytes.reduce(into: "") { text, byte in
      switch (byte, fallback) {
      case (..<0x80, _): text.unicodeScalars.append(Unicode.Scalar(byte))
      case (_, .codePage437): text.unicodeScalars.append(upperHalf[Int(byte) - 0x80])
      case (_, .percent): text += "%" + String(byte, radix: 16, uppercase: true)
      }
    }
  }

  /// Code page 437 from 128 on.
  private static let upperHalf = Array(
    ("ÇüéâäàåçêëèïîìÄÅÉæÆôöòûùÿÖÜ¢£¥₧ƒáíóúñÑªº¿⌐¬½¼¡«»░▒▓│┤╡╢╖╕╣║╗╝╜╛┐└┴┬├─┼╞╟╚╔╩╦╠═╬╧╨╤╥╙╘╒╓╫╪┘┌█▄▌▐▀"
      + "αßΓπΣσµτΦΘΩδ∞φε∩≡±≥≤⌠⌡÷≈°∙·√ⁿ²■\u{A0}").unicodeScalars)
}
