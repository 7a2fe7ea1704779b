import Images

/// Any bytes as a picture: an error or a picture whose pixels are all there, never a crash. The limits
/// are low, so that the time goes into the decoders and not into large pictures.
@_cdecl("LLVMFuzzerTestOneInput")
public func fuzz(_ bytes: UnsafePointer<UInt8>?, _ count: Int) -> CInt {
  var limits = ImageLimits()
  limits.pixelCount = 1 << 18
  let input = unsafe Array(UnsafeBufferPointer(start: bytes, count: count))
  if let image = try? decode(input, limits: limits) {
    precondition(image.pixels.count == image.width * image.height * 3)
    precondition(image.width * image.height <= limits.pixelCount)
  }
  if let small = try? decode(input, limits: limits, atLeast: 16) {
    precondition(small.pixels.count == small.width * small.height * 3)
  }
  return 0
}
