/// Why bytes are not a picture that can be used.
public struct ImageError: Error, Hashable, Sendable, CustomStringConvertible {
  /// The kinds of failure; the raw value is what reports and replies carry.
  public enum Code: String, Sendable, CaseIterable, Codable {
    /// There are no bytes.
    case empty
    /// The bytes end before the picture does.
    case truncated
    /// The bytes break the rules of their format.
    case corrupt
    /// The bytes begin like no format that is decoded, or are a kind of it that is not.
    case unsupportedFormat = "unsupported_format"
    /// More encoded bytes than allowed.
    case tooManyBytes = "too_many_bytes"
    /// More pixels than allowed, by the header.
    case tooManyPixels = "too_many_pixels"
    /// Wider or higher than allowed, by the header.
    case tooLargeSide = "too_large_side"
    /// Decoding would take more passes than allowed.
    case tooCostly = "too_costly"
    /// The picture has another number of channels than the model or the data set.
    case otherChannels = "other_channels"
    /// Memory could not be had.
    case outOfMemory = "out_of_memory"
  }

  /// The kind of failure.
  public let code: Code
  /// A sentence for people, without a name of a file.
  public let detail: String

  /// A failure of kind `code`, explained by `detail`.
  public init(_ code: Code, _ detail: String) {
    self.code = code
    self.detail = detail
  }

  /// The code and the sentence.
  public var description: String { "\(code.rawValue): \(detail)" }
}

/// What a picture may cost, judged from its header before memory is allocated.
public struct ImageLimits: Hashable, Sendable {
  /// Encoded bytes at most; 20 MiB by default.
  public var encodedByteCount = 20 * 1024 * 1024
  /// Pixels at most; 50 million by default.
  public var pixelCount = 50_000_000
  /// Pixels per side at most; 16,384 by default.
  public var side = 16_384
  /// Bytes that decoding may hold at once, by `ImageHeader.decodingByteCount`; 640 MiB by default, which every picture
  /// within the other limits keeps to.
  public var decodingByteCount = 640 * 1024 * 1024

  /// The defaults.
  public init() {}

  /// - Throws: `tooCostly`.
  func check(_ header: ImageHeader) throws(ImageError) {
    let needed = header.decodingByteCount
    guard needed <= decodingByteCount else {
      throw ImageError(
        .tooCostly,
        "Decoding it would hold \(needed) bytes; \(decodingByteCount) at most. Make the picture smaller, or store it as "
          + "a baseline JPEG.")
    }
  }

  /// - Throws: `tooLargeSide` or `tooManyPixels`.
  func check(width: Int, height: Int) throws(ImageError) {
    guard width > 0, height > 0 else {
      throw ImageError(.corrupt, "The header says \(width) x \(height) pixels.")
    }
    guard width <= side, height <= side else {
      throw ImageError(
        .tooLargeSide, "\(width) x \(height) pixels; a side may have \(side) at most.")
    }
    guard width * height <= pixelCount else {
      throw ImageError(
        .tooManyPixels, "\(width) x \(height) = \(width * height) pixels; \(pixelCount) at most.")
    }
  }
}
