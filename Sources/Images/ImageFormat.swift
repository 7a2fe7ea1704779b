/// The formats of picture files that are decoded.
public enum ImageFormat: String, Sendable, CaseIterable, Codable {
  /// JPEG, baseline and progressive, 8 bits: gray, RGB, CMYK and YCCK.
  case jpeg
  /// PNG of every colour type and depth, interlaced or not.
  case png
  /// WebP, lossy and lossless; of an animation the first frame.
  case webp
  /// GIF; of an animation the first frame.
  case gif
  /// NumPy's array of planes: 8 or 16 bits, `[height, width]` or `[height, width, channels]`.
  case npy

  /// The media type, for NumPy's arrays one that is in use.
  public var mediaType: String { self == .npy ? "application/x-npy" : "image/\(rawValue)" }

  /// The format that the first bytes announce; nil where they announce none of these.
  public init?(sniffing bytes: [UInt8]) {
    if bytes.starts(with: [0xFF, 0xD8, 0xFF]) {
      self = .jpeg
    } else if bytes.starts(with: [0x89, 0x50, 0x4E, 0x47, 0x0D, 0x0A, 0x1A, 0x0A]) {
      self = .png
    } else if bytes.starts(with: Array("RIFF".utf8)), bytes.dropFirst(8).starts(with: "WEBP".utf8) {
      self = .webp
    } else if bytes.starts(with: "GIF87a".utf8) || bytes.starts(with: "GIF89a".utf8) {
      self = .gif
    } else if bytes.starts(with: [0x93] + Array("NUMPY".utf8)) {
      self = .npy
    } else {
      return nil
    }
  }
}
