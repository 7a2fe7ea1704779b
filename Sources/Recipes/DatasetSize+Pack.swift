public import Datasets
import Images

extension DatasetSize {
  /// The size of what a run on `pack` would learn from.
  public init(trainingPicturesOf pack: Pack) {
    let training = pack.pictures(in: .train)
    let sides = training.map { min(pack[$0].width, pack[$0].height) }.sorted()
    self.init(
      pictures: training.count, medianShortSide: sides.isEmpty ? 0 : sides[sides.count / 2],
      channels: pack.channels)
    let labels = Set(training.map { pack[$0].label })
    classes = labels.count > 1 && !labels.contains(nil) ? pack.labels.count : nil
    // A picture that cannot be read is told when the run reads it; here its place is left out.
    let sample = PictureSymmetry.sample(of: training).compactMap { try? pack.image(at: $0) }
    let symmetry = PictureSymmetry(sample)
    (normalization, hasUpright) = (symmetry.normalization, symmetry.hasUpright)
    let likeness = PictureLikeness(sample, of: training) { try? pack.image(at: $0) }
    (distinctPictures, comparedPictures) = (likeness.distinct, likeness.compared)
  }
}

/// What a sample of pictures says of all of them: the mean and the deviation of their channels, and whether they have an
/// upright.
///
/// Pictures have an upright where their mean differs from its own mirror image or quarter turn by more than chance: a sky
/// is above, a shoe points to the left. Aerial and microscope pictures have none, and may be turned to make views.
struct PictureSymmetry {
  /// The most pictures that are looked at.
  static let pictureLimit = 512
  /// The side to which they are brought, in pixels.
  static let side = 16
  /// By how much the mean must differ, in multiples of what chance gives on average.
  static let threshold = 4.0

  let normalization: Normalization?
  let hasUpright: Bool?

  /// Evenly spread places among the pictures, at most `limit`.
  static func sample(of pictures: [Int], limit: Int = pictureLimit) -> [Int] {
    let count = min(pictures.count, limit)
    return (0..<count).map { pictures[$0 * pictures.count / count] }
  }

  init(_ pictures: [Raster]) {
    let side = Self.side
    guard let channels = pictures.first?.channels,
      pictures.allSatisfy({ $0.channels == channels }), pictures.count >= 16
    else { (normalization, hasUpright) = (nil, nil); return }
    let transform = EvaluationTransform(side: side, normalization: .identity(channels: channels))
    var (sums, squares) = (
      Array(repeating: 0.0, count: channels), Array(repeating: 0.0, count: channels)
    )
    var planes: [[Double]] = []
    for picture in pictures {
      let pixels = transform(picture)
      var plane = [Double](repeating: 0, count: side * side)
      for index in pixels.indices {
        let value = Double(pixels[index])
        sums[index % channels] += value
        squares[index % channels] += value * value
        plane[index / channels] += value
      }
      planes.append(plane)
    }
    let count = Double(pictures.count * side * side)
    var normalization = Normalization(channels: channels)
    normalization.mean = sums.map { Float($0 / count) }
    normalization.deviation = zip(sums, squares).map { sum, square in
      // A channel that is the same everywhere is left at that.
      Float(max(0.02, (square / count - sum / count * (sum / count)).squareRoot()))
    }
    self.normalization = normalization
    let last = side - 1
    hasUpright =
      Self.asymmetry(planes) { (last - $0, $1) } > Self.threshold
      || Self.asymmetry(planes) { ($1, last - $0) } > Self.threshold
  }

  /// The energy of the mean of (picture − moved picture), over what it would be if the pictures had no preferred direction:
  /// about 1 then.
  private static func asymmetry(
    _ planes: [[Double]], moved: (_ row: Int, _ column: Int) -> (row: Int, column: Int)
  ) -> Double {
    var mean = [Double](repeating: 0, count: side * side)
    var energy = 0.0
    for plane in planes {
      for row in 0..<side {
        for column in 0..<side {
          let other = moved(row, column)
          let difference = plane[row * side + column] - plane[other.row * side + other.column]
          mean[row * side + column] += difference
          energy += difference * difference
        }
      }
    }
    let ofMean = mean.reduce(0) { $0 + $1 * $1 }
    // Independent differences add up to `energy`; differences that agree add up to as many times that as there are pictures.
    return energy > 0 ? ofMean / energy : 0
  }
}

/// How many training pictures differ: a set of copies teaches nothing, and no whitened embedding can be fitted to it.
struct PictureLikeness {
  /// The pictures that are compared where a sample says that hardly any differ: as many as every embedding is fitted to.
  static let pictureLimit = Recipe.leastFitCount

  /// Pictures that were compared, and those of them that differ from all before them.
  private(set) var (compared, distinct) = (0, 0)
  private var seen: Set<[Float]> = []

  /// Compares a sample of pictures, and others of `pictures` where too few of the sample differ.
  init(_ sample: [Raster], of pictures: [Int], image: (Int) -> Raster?) {
    for picture in sample { add(picture) }
    guard distinct < RecipeLimits.distinctPictures, sample.count < pictures.count else { return }
    (compared, distinct, seen) = (0, 0, [])
    for place in PictureSymmetry.sample(of: pictures, limit: Self.pictureLimit) {
      if let picture = image(place) { add(picture) }
    }
  }

  /// Of two pictures that differ the reduced ones do, unless their difference is lost when they are reduced: they are then
  /// as good as equal for training too.
  private mutating func add(_ picture: Raster) {
    let transform = EvaluationTransform(
      side: PictureSymmetry.side, normalization: .identity(channels: picture.channels))
    compared += 1
    if seen.insert(transform(picture)).inserted { distinct += 1 }
  }
}
