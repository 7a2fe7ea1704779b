import Images

/// Any bytes of one format through everything that reads it: an error or a picture whose pixels are all there, never
/// a crash. The limits are low, so that the time goes into the decoders and not into large pictures.
///
/// Returns −1, which keeps the input out of the corpus, for bytes of other formats.
func fuzzDecoder(of format: ImageFormat, _ bytes: UnsafePointer<UInt8>?, _ count: Int) -> CInt {
  let input = unsafe Array(UnsafeBufferPointer(start: bytes, count: count))
  guard ImageFormat(sniffing: input) == format else { return -1 }
  var limits = ImageLimits()
  limits.pixelCount = 1 << 18
  for alpha in [AlphaConversion.overWhite, .dropped] {
    guard let image = try? decode(input, limits: limits, alpha: alpha) else { continue }
    precondition(image.pixels.count == image.width * image.height * image.channels)
    precondition(image.width * image.height <= limits.pixelCount)
  }
  if let small = try? decode(input, limits: limits, atLeast: 16) {
    precondition(small.pixels.count == small.width * small.height * small.channels)
  }
  return 0
}
