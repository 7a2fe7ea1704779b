import Foundation
import Images

/// Reads a picture out of a string of a JSON body: a `data:` URL (RFC 2397), or base64 alone.
///
/// Base64 is taken as programs write it: wrapped into lines as MIME does (RFC 2045), with or without padding, in the
/// usual or in the URL-safe alphabet (RFC 4648 §5), percent-encoded or not. Anything else is told apart, so that the
/// sender knows what to change.
enum PictureText {
  /// Why a string holds no picture.
  struct Fault: Error, Equatable {
    var code: String
    var detail: String
  }

  static func bytes(_ text: String) throws(Fault) -> [UInt8] {
    let text = text.utf8.drop { isSpace($0) || byteOrderMark.contains($0) }
    let start = String(decoding: text.prefix(12), as: UTF8.self).lowercased()
    if start.hasPrefix("data:") { return try dataURL(text.dropFirst(5)) }
    guard !start.hasPrefix("http:"), !start.hasPrefix("https:") else {
      throw Fault(code: "url_input_disabled", detail: "An address.")
    }
    // Many words are valid base64 by chance: without `data:` the bytes must begin like a picture.
    if let bytes = try? base64(text), ImageFormat(sniffing: bytes) != nil { return bytes }
    throw Fault(code: "not_a_data_url", detail: notAPicture(start))
  }

  private static func notAPicture(_ start: String) -> String {
    let form = "It must have the form data:image/jpeg;base64,… or be the base64 of a picture"
    return start.hasPrefix("file:") || start.hasPrefix("/") || start.hasPrefix("./")
      ? "\(form); a path is not read, since the file is on the client's machine."
      : "\(form); other text, such as words to embed, is not."
  }

  private static func dataURL(_ text: Substring.UTF8View) throws(Fault) -> [UInt8] {
    guard let comma = text.firstIndex(of: UInt8(ascii: ",")) else {
      throw Fault(
        code: "not_a_data_url",
        detail: "The data: URL has no comma between its media type and its data.")
    }
    let type = String(decoding: text[..<comma], as: UTF8.self).lowercased().filter { $0 != " " }
    let data = text[text.index(after: comma)...]
    return type.hasSuffix(";base64") ? try base64(data) : try percentDecoded(Array(data))
  }
}

// MARK: - Decoding

extension PictureText {
  private static let byteOrderMark: [UInt8] = [0xEF, 0xBB, 0xBF]

  private static func base64(_ text: Substring.UTF8View) throws(Fault) -> [UInt8] {
    // Most programs write what the library reads: padded, in one line. Tens of megabytes need no second look then.
    var text = Array(text)
    if let bytes = Data(base64Encoded: Data(text)) { return Array(bytes) }
    if text.contains(UInt8(ascii: "%")) { text = try percentDecoded(text) }
    var digits: [UInt8] = []
    digits.reserveCapacity(text.count + 3)
    var padding = 0
    for (index, byte) in text.enumerated() where !isSpace(byte) {
      if byte == UInt8(ascii: "=") {
        padding += 1
        continue
      }
      guard padding == 0 else { throw fault("goes on after its padding, at character \(index)") }
      guard let digit = standardDigit(byte) else {
        throw fault("has a character that is none of base64's, at \(index)")
      }
      digits.append(digit)
    }
    // A digit is six bits: one alone makes no byte.
    guard digits.count % 4 != 1, padding <= 2 else {
      throw fault("is cut off: \(digits.count) digits are no whole number of bytes")
    }
    digits += repeatElement(UInt8(ascii: "="), count: (4 - digits.count % 4) % 4)
    guard let bytes = Data(base64Encoded: Data(digits)) else { throw fault("does not decode") }
    return Array(bytes)
  }

  private static func fault(_ what: String) -> Fault {
    Fault(code: "invalid_base64", detail: "The base64 \(what).")
  }

  /// The digit in the usual alphabet; nil for what is no digit.
  private static func standardDigit(_ byte: UInt8) -> UInt8? {
    switch byte {
    case UInt8(ascii: "A")...UInt8(ascii: "Z"), UInt8(ascii: "a")...UInt8(ascii: "z"),
      UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "+"), UInt8(ascii: "/"):
      byte
    case UInt8(ascii: "-"): UInt8(ascii: "+")
    case UInt8(ascii: "_"): UInt8(ascii: "/")
    default: nil
    }
  }

  private static func percentDecoded(_ text: [UInt8]) throws(Fault) -> [UInt8] {
    var bytes: [UInt8] = []
    bytes.reserveCapacity(text.count)
    var rest = text[...]
    while let byte = rest.popFirst() {
      guard byte == UInt8(ascii: "%") else {
        bytes.append(byte)
        continue
      }
      let digits = String(decoding: rest.prefix(2), as: UTF8.self)
      guard digits.utf8.count == 2, !digits.hasPrefix("+"), let value = UInt8(digits, radix: 16)
      else {
        throw Fault(
          code: "not_a_data_url",
          detail: "The data: URL has a % that no two hexadecimal digits follow.")
      }
      bytes.append(value)
      rest = rest.dropFirst(2)
    }
    return bytes
  }

  /// Blank, tab, line feed, carriage return, form feed.
  private static func isSpace(_ byte: UInt8) -> Bool {
    switch byte {
    case 0x20, 0x09, 0x0A, 0x0D, 0x0C: true
    default: false
    }
  }
}
