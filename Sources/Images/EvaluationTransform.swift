import CImageCodecs

/// What an encoder sees of a picture when nothing is random: the short side resized (antialiased
/// bicubic), the centre cut out, normalised; float32, channels last.
public struct EvaluationTransform: Hashable, Sendable {
  /// The side of the square that the encoder sees, in pixels.
  public let side: Int
  /// The short side after resizing, in pixels; at least `side`.
  public let resizedSide: Int
  /// The normalisation of values in 0…1.
  public let normalization: Normalization

  /// The transform to squares of `side` pixels.
  ///
  /// The short side is resized to 8/7 of that from 112 pixels on (256 for 224, the field's custom)
  /// and to `side` itself below, where the margin of a small picture matters.
  public init(
    side: Int, resizedSide: Int? = nil, normalization: Normalization = Normalization()
  ) {
    self.side = side
    self.resizedSide = max(side, resizedSide ?? (side >= 112 ? side * 8 / 7 : side))
    self.normalization = normalization
  }

  /// What it does to a picture, in words.
  public var rule: String {
    "The picture is turned upright as its EXIF data says and has \(channels) channels. Its short side is resized to "
      + "\(resizedSide) pixels and the long one in proportion, rounded down, by antialiased bicubic resampling (a = -0.5, as "
      + "Pillow's); the centre square of \(side) pixels is cut out, half of what is left over, rounded half to even, before it."
  }

  /// Channels of the pictures and of the results.
  public var channels: Int { normalization.channels }

  /// The number of floats of one result: `side · side · channels`.
  public var elementCount: Int { side * side * channels }

  /// The square of `side` pixels before it is normalised.
  ///
  /// Takes no more memory than the picture's centre square and the result do, whatever the picture's aspect.
  public func square(of image: Raster, scratch: ViewScratch = ViewScratch()) -> Raster {
    let short = min(image.width, image.height)
    let width = image.width * resizedSide / short
    let height = image.height * resizedSide / short
    // The resized picture is never made as a whole: with a short side of one pixel and a long one of 16,384 it would
    // have `resizedSide` squared times as many pixels as the picture.
    return image.resized(
      width: width, height: height,
      part: PixelBox(x: centred(width), y: centred(height), width: side, height: side),
      scratch: scratch)
  }

  /// Half of what is left over, rounded half to even as torchvision does.
  private func centred(_ length: Int) -> Int {
    Int((Double(length - side) / 2).rounded(.toNearestOrEven))
  }

  /// Writes `[side, side, channels]` normalised floats to `output`, which must hold `elementCount`.
  @unsafe
  public func render(
    _ image: Raster, into output: UnsafeMutableBufferPointer<Float>,
    scratch: ViewScratch = ViewScratch()
  ) {
    precondition(
      output.count == elementCount && image.channels == channels,
      "\(output.count) floats for \(elementCount), \(image.channels) channels.")
    let square = square(of: image, scratch: scratch)
    let (scale, offset) = normalization.scaleAndOffset
    unsafe byol_normalize_bytes(
      square.pixels, side * side, Int32(channels), scale, offset, output.baseAddress)
  }

  /// `[side, side, channels]` normalised floats.
  public func callAsFunction(_ image: Raster) -> [Float] {
    unsafe [Float](unsafeUninitializedCapacity: elementCount) { buffer, count in
      unsafe render(image, into: UnsafeMutableBufferPointer(rebasing: buffer[..<elementCount]))
      count = elementCount
    }
  }
}

extension Normalization {
  /// `(value − mean) / deviation` as `value · scale + offset`, per channel.
  var scaleAndOffset: (scale: [Float], offset: [Float]) {
    let scale = deviation.map { 1 / $0 }
    return (scale, zip(mean, scale).map { -$0 * $1 })
  }
}
