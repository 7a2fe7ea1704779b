import CImageCodecs
internal import Randomness

/// Renders one of a picture's views, a pure function of (augmentation, picture, seed, epoch,
/// picture index, view index): float32, channels last, normalised.
///
/// The order is the released code's: crop (antialiased bicubic, clipped), flips and turn, colour, gray, blur,
/// solarize, clip, normalise.
public struct ViewRenderer: Hashable, Sendable {
  /// The distribution of the view.
  public let augmentation: ViewAugmentation
  /// The normalisation of values in 0…1.
  public let normalization: Normalization
  /// The view's side in pixels.
  public let side: Int
  private let scale: [Float]
  private let offset: [Float]

  /// A renderer of views of `side` x `side` pixels.
  public init(augmentation: ViewAugmentation, normalization: Normalization, side: Int) {
    precondition(side > 0 && side <= ImageLimits().side, "Views of \(side) pixels a side.")
    self.augmentation = augmentation
    self.normalization = normalization
    self.side = side
    (scale, offset) = normalization.scaleAndOffset
  }

  /// Channels of the pictures and of the views.
  public var channels: Int { normalization.channels }

  /// The number of floats of a view: `side · side · channels`.
  public var elementCount: Int { side * side * channels }

  /// The half width of the blur's kernel, which has `2 · radius + 1` taps: 23 at 224 pixels, 13 at
  /// 128, 7 at 64, 3 at 32; below 20 pixels it has one tap, so that nothing is blurred.
  public static func blurRadius(side: Int) -> Int { side / 20 }
}

extension ViewRenderer {
  /// The random changes of one view of a picture of `width` x `height` pixels. `epoch` counts from 0,
  /// `picture` is its index in the pack, `view` counts from 0; `strength` is that of the changes, in 0…1.
  public func parameters(
    width: Int, height: Int, seed: UInt64, epoch: Int, picture: Int, view: Int, strength: Float = 1
  ) -> ViewParameters {
    var random = RandomStream(
      seed: seed, purpose: .augmentation, epoch: epoch, index: picture, lane: view)
    return ViewParameters(
      from: augmentation.scaled(by: strength), width: width, height: height, using: &random)
  }

  /// Draws and renders one view of pixels that someone else owns into `output`, `[side, side, channels]`.
  @unsafe
  public func render(
    _ pixels: PixelView, seed: UInt64, epoch: Int, picture: Int, view: Int, strength: Float = 1,
    into output: UnsafeMutableBufferPointer<Float>, scratch: ViewScratch
  ) {
    let parameters = unsafe parameters(
      width: pixels.width, height: pixels.height, seed: seed, epoch: epoch, picture: picture,
      view: view, strength: strength)
    unsafe render(pixels, parameters, into: output, scratch: scratch)
  }

  /// Draws and renders one view: `[side, side, channels]`.
  public func callAsFunction(
    _ image: Raster, seed: UInt64, epoch: Int, picture: Int, view: Int
  ) -> [Float] {
    self(
      image,
      parameters(
        width: image.width, height: image.height, seed: seed, epoch: epoch, picture: picture,
        view: view))
  }

  /// Renders the view that `parameters` describe: `[side, side, channels]`.
  public func callAsFunction(_ image: Raster, _ parameters: ViewParameters) -> [Float] {
    unsafe image.withPixels { pixels in
      unsafe [Float](unsafeUninitializedCapacity: elementCount) { buffer, count in
        let output = unsafe UnsafeMutableBufferPointer(rebasing: buffer[..<elementCount])
        unsafe render(pixels, parameters, into: output, scratch: ViewScratch())
        count = elementCount
      }
    }
  }

  /// Renders the view that `parameters` describe into `output`.
  @unsafe
  public func render(
    _ pixels: PixelView, _ parameters: ViewParameters,
    into output: UnsafeMutableBufferPointer<Float>, scratch: ViewScratch
  ) {
    precondition(
      unsafe output.count == elementCount && pixels.channels == channels,
      "A view has \(elementCount) floats of \(channels) channels.")
    let crop = parameters.crop
    let (planeCount, depth) = (side * side, Int32(channels))
    let planeBytes = (elementCount * 4 + 127) / 64 * 64
    let resampleBytes = byol_resample_planes_scratch(
      Int32(crop.width), Int32(crop.height), depth, Int32(side), Int32(side))
    let blurBytes = byol_blur_scratch(Int32(side)) * 4
    let memory = unsafe scratch.bytes(planeBytes + max(resampleBytes, blurBytes))
    let planes = unsafe memory.assumingMemoryBound(to: Float.self)
    let rest = unsafe memory + planeBytes
    unsafe byol_resample_planes(
      pixels.pixels + (crop.y * pixels.width + crop.x) * channels, pixels.width * channels,
      Int32(crop.width), Int32(crop.height), depth, planes, Int32(side), Int32(side),
      Int32(BYOL_BICUBIC), parameters.flip ? 1 : 0, rest)
    unsafe byol_turn(
      planes, Int32(side), depth, parameters.verticalFlip ? 1 : 0, parameters.transpose ? 1 : 0)
    let changes = parameters.colorChanges
      .filter { unsafe !pixels.isGray || $0.changesGray }.map(\.kernelChange)
    unsafe byol_color(planes, planeCount, depth, changes, Int32(changes.count))
    if let sigma = parameters.blurSigma {
      unsafe byol_blur(
        planes, Int32(side), depth, Int32(ViewRenderer.blurRadius(side: side)), sigma,
        rest.assumingMemoryBound(to: Float.self))
    }
    unsafe byol_finish(
      planes, planeCount, depth, parameters.solarizeThreshold ?? 2, scale, offset,
      output.baseAddress)
  }
}

extension ColorChange {
  /// False for changes of colour only, which gray pictures are spared.
  fileprivate var changesGray: Bool {
    switch self {
    case .brightness, .contrast: true
    case .saturation, .hue, .gray: false
    }
  }

  fileprivate var kernelChange: byol_color_change {
    switch self {
    case .brightness(let amount): byol_color_change(kind: Int32(BYOL_BRIGHTNESS), amount: amount)
    case .contrast(let amount): byol_color_change(kind: Int32(BYOL_CONTRAST), amount: amount)
    case .saturation(let amount): byol_color_change(kind: Int32(BYOL_SATURATION), amount: amount)
    case .hue(let amount): byol_color_change(kind: Int32(BYOL_HUE), amount: amount)
    case .gray: byol_color_change(kind: Int32(BYOL_GRAY), amount: 0)
    }
  }
}
