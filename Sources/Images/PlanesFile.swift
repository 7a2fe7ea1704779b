/// The head of a NumPy file (version 1.0 to 3.0 of its format) of 8-bit planes: `[height, width]` or
/// `[height, width, channels]`, in C's order.
struct PlanesFile {
  let width: Int
  let height: Int
  let channels: Int
  /// Where the first row begins.
  let dataOffset: Int

  /// Bytes of the head's text at most; NumPy itself reads 10,000.
  private static let textByteLimit = 10_000

  /// Reads the head of `bytes`; says nothing of the data.
  ///
  /// - Throws: `truncated`, `corrupt`, or `unsupportedFormat` for arrays that are no picture.
  init(_ bytes: [UInt8]) throws(ImageError) {
    guard bytes.count >= 12 else { throw ImageError(.truncated, "The bytes end in the head.") }
    guard (1...3).contains(bytes[6]) else {
      throw ImageError(.unsupportedFormat, "Version \(bytes[6]) of NumPy's format is not read.")
    }
    let lengthByteCount = bytes[6] == 1 ? 2 : 4
    let length = bytes[8..<8 + lengthByteCount].reversed().reduce(0) { $0 << 8 | Int($1) }
    let start = 8 + lengthByteCount
    guard length <= PlanesFile.textByteLimit else {
      throw ImageError(.corrupt, "A head of \(length) bytes; \(PlanesFile.textByteLimit) at most.")
    }
    guard bytes.count >= start + length else {
      throw ImageError(.truncated, "The bytes end in the head.")
    }
    dataOffset = start + length
    let text = String(decoding: bytes[start..<dataOffset], as: UTF8.self)
    guard let type = PlanesFile.value(of: "descr", in: text),
      let order = PlanesFile.value(of: "fortran_order", in: text),
      let shape = PlanesFile.shape(in: text)
    else { throw ImageError(.corrupt, "The head does not tell type, order and shape.") }
    guard type == "'|u1'" else {
      throw ImageError(
        .unsupportedFormat, "Numbers of type \(type.prefix(20)); only '|u1', 8 bits, is read.")
    }
    guard order == "False" else {
      throw ImageError(.unsupportedFormat, "The array is in Fortran's order; C's is read.")
    }
    guard shape.count == 2 || shape.count == 3 && Raster.channelCounts.contains(shape[2]) else {
      throw ImageError(
        .unsupportedFormat,
        "The shape \(shape.prefix(8)) is neither [height, width] nor [height, width, 1…16].")
    }
    (height, width, channels) = (shape[0], shape[1], shape.count == 3 ? shape[2] : 1)
  }

  /// The picture behind the head of `bytes`.
  ///
  /// - Throws: `truncated`.
  func image(_ bytes: [UInt8]) throws(ImageError) -> Raster {
    let count = width * height * channels
    guard bytes.count - dataOffset >= count else {
      throw ImageError(
        .truncated, "\(bytes.count - dataOffset) bytes of data in place of \(count).")
    }
    return Raster(
      width: width, height: height, channels: channels,
      pixels: Array(bytes[dataOffset..<dataOffset + count]))
  }

  /// The text between `'key':` and the next comma or bracket.
  private static func value(of key: String, in text: String) -> String? {
    rest(after: key, in: text).map { rest in
      trimmed(rest.prefix { $0 != "," && $0 != "}" })
    }
  }

  private static func shape(in text: String) -> [Int]? {
    guard let rest = rest(after: "shape", in: text), let open = rest.firstIndex(of: "("),
      trimmed(rest[..<open]).isEmpty, let close = rest.firstIndex(of: ")")
    else { return nil }
    let numbers = rest[rest.index(after: open)..<close].split(separator: ",").map(trimmed)
      .filter { !$0.isEmpty }.map(Int.init)
    let known = numbers.compactMap(\.self)
    return known.count == numbers.count && known.allSatisfy { $0 >= 0 } ? known : nil
  }

  private static func rest(after key: String, in text: String) -> Substring? {
    guard let found = text.firstRange(of: "'\(key)':") else { return nil }
    return text[found.upperBound...]
  }

  private static func trimmed(_ text: Substring) -> String {
    text.split { $0 == " " || $0 == "\n" }.joined(separator: " ")
  }
}
