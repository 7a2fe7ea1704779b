public import Randomness

#if canImport(Glibc)
  import Glibc
#endif

/// One change of colour with the amount that was drawn for it.
public enum ColorChange: Hashable, Sendable {
  /// Adds a value to every channel.
  case brightness(Float)
  /// A factor about each channel's mean over the view.
  case contrast(Float)
  /// A factor on HSV's saturation.
  case saturation(Float)
  /// Adds turns to HSV's hue.
  case hue(Float)
  /// Every channel becomes 0.2989 red + 0.5870 green + 0.1140 blue.
  case gray
}

/// Everything random about one view, drawn before any pixel is touched.
public struct ViewParameters: Hashable, Sendable {
  /// The part of the picture that the view shows.
  public var crop: PixelBox
  /// Mirrored left to right.
  public var flip = false
  /// Mirrored top to bottom.
  public var verticalFlip = false
  /// Rows become columns after the flips: with one of them a turn by 90°.
  public var transpose = false
  /// The changes of colour, in the order in which they are applied.
  public var colorChanges: [ColorChange] = []
  /// The blur's standard deviation in pixels of the view; nil for no blur.
  public var blurSigma: Float?
  /// Values at or above this are inverted; nil for none.
  public var solarizeThreshold: Float?

  /// The view of all of `crop`, unchanged.
  public init(crop: PixelBox) { self.crop = crop }
}

extension ViewParameters {
  /// Draws a view of a picture of `width` x `height` pixels from `augmentation`.
  ///
  /// The draws are made in a fixed order and all of them are always made, but for the attempts at a
  /// crop. The turns are drawn last, so that a distribution without turns gives what it gave before there were any.
  public init(
    from augmentation: ViewAugmentation, width: Int, height: Int, using random: inout RandomStream
  ) {
    flip = random.bernoulli(augmentation.flipProbability)
    let jittered = random.bernoulli(augmentation.colorJitterProbability)
    let changes = augmentation.drawColorChanges(using: &random)
    let gray = random.bernoulli(augmentation.grayscaleProbability)
    let blurred = random.bernoulli(augmentation.blurProbability)
    let sigma = random.uniform(in: augmentation.blurSigma[0]...augmentation.blurSigma[1])
    let solarized = random.bernoulli(augmentation.solarizeProbability)
    colorChanges = (jittered ? changes : []) + (gray ? [.gray] : [])
    blurSigma = blurred ? sigma : nil
    solarizeThreshold = solarized ? augmentation.solarizeThreshold : nil
    crop = augmentation.drawCrop(width: width, height: height, using: &random)
    verticalFlip = random.bernoulli(augmentation.verticalFlipProbability)
    turn(random.bernoulli(augmentation.quarterTurnProbability), clockwise: random.bernoulli(0.5))
  }

  /// Turns the view by 90° where asked: a transposition, after a flip that decides its direction.
  private mutating func turn(_ isTurned: Bool, clockwise: Bool) {
    guard isTurned else { return }
    transpose = true
    // Transposed rows run down: clockwise, the last row comes first, so it is flipped top to bottom before.
    if clockwise { verticalFlip.toggle() } else { flip.toggle() }
  }
}

extension ViewAugmentation {
  /// The four changes in random order; a change whose range is 0 is left out.
  fileprivate func drawColorChanges(using random: inout RandomStream) -> [ColorChange] {
    var changes: [(ColorChange, Bool)] = [
      (.brightness(random.uniform(in: -brightness...brightness)), brightness > 0),
      (.contrast(random.uniform(in: 1 - contrast...1 + contrast)), contrast > 0),
      (.saturation(random.uniform(in: 1 - saturation...1 + saturation)), saturation > 0),
      (.hue(random.uniform(in: -hue...hue)), hue > 0),
    ]
    for last in stride(from: 3, to: 0, by: -1) {
      changes.swapAt(last, random.index(below: last + 1))
    }
    return changes.filter(\.1).map(\.0)
  }

  /// A box whose area and aspect are drawn until it fits, ten times at most; then the largest centred
  /// box within the range of aspects.
  fileprivate func drawCrop(width: Int, height: Int, using random: inout RandomStream) -> PixelBox {
    let area = Float(width * height)
    let aspects = log(cropAspect[0])...log(cropAspect[1])
    for _ in 0..<10 {
      let target = area * random.uniform(in: cropArea[0]...cropArea[1])
      let aspect = exp(random.uniform(in: aspects))
      let w = Int((target * aspect).squareRoot().rounded())
      let h = Int((target / aspect).squareRoot().rounded())
      guard w > 0, w <= width, h > 0, h <= height else { continue }
      let y = random.index(below: height - h + 1)
      let x = random.index(below: width - w + 1)
      return PixelBox(x: x, y: y, width: w, height: h)
    }
    return centredCrop(width: width, height: height)
  }

  private func centredCrop(width: Int, height: Int) -> PixelBox {
    let aspect = Float(width) / Float(height)
    var (w, h) = (width, height)
    if aspect < cropAspect[0] {
      h = min(height, max(1, Int((Float(width) / cropAspect[0]).rounded())))
    } else if aspect > cropAspect[1] {
      w = min(width, max(1, Int((Float(height) * cropAspect[1]).rounded())))
    }
    return PixelBox(x: (width - w) / 2, y: (height - h) / 2, width: w, height: h)
  }
}
