import CImageCodecs

/// How resampling weighs neighbours; both widen with the reduction, so that nothing aliases.
public enum ResamplingFilter: Int32, Sendable, CaseIterable {
  /// Keys' cubic with a = −0.5, four pixels wide.
  case bicubic = 0
  /// A triangle, two pixels wide.
  case bilinear = 1
}

/// A rectangle of whole pixels.
public struct PixelBox: Hashable, Sendable {
  /// The first column.
  public var x: Int
  /// The first row.
  public var y: Int
  /// Columns, at least 1.
  public var width: Int
  /// Rows, at least 1.
  public var height: Int

  /// The rectangle from column `x` and row `y` on.
  public init(x: Int, y: Int, width: Int, height: Int) {
    self.x = x
    self.y = y
    self.width = width
    self.height = height
  }
}

/// Memory that a thread keeps between views, so that none is allocated for each; grows as needed.
///
/// One owner at a time: not to be used by two threads at once.
@safe
public final class ViewScratch {
  private var base: UnsafeMutableRawPointer?
  private var byteCount = 0

  /// Empty scratch memory.
  public init() {}

  deinit { unsafe base?.deallocate() }

  /// At least `byteCount` bytes, aligned to 64, with anything in them.
  func bytes(_ byteCount: Int) -> UnsafeMutableRawPointer {
    if let base = unsafe base, self.byteCount >= byteCount { return unsafe base }
    unsafe base?.deallocate()
    let grown = UnsafeMutableRawPointer.allocate(byteCount: byteCount, alignment: 64)
    unsafe base = grown
    self.byteCount = byteCount
    return unsafe grown
  }
}

extension Raster {
  /// The picture (or the part of it in `box`) at another size, antialiased; equal to Pillow's
  /// `Image.crop(box).resize((width, height), filter)` bit for bit, and with `part` to `.crop(part)` of that.
  ///
  /// `box` must lie inside the picture; it is all of it when nil. `part` must lie inside the result; it is all of it when
  /// nil. Time and memory depend on the source pixels that `part` takes and on its own size, not on `width` and
  /// `height`. `scratch` is memory to reuse.
  public func resized(
    width: Int, height: Int, filter: ResamplingFilter = .bicubic, box: PixelBox? = nil,
    part: PixelBox? = nil, scratch: ViewScratch = ViewScratch()
  ) -> Raster {
    let box = box ?? PixelBox(x: 0, y: 0, width: self.width, height: self.height)
    let part = part ?? PixelBox(x: 0, y: 0, width: width, height: height)
    precondition(
      box.isInside(width: self.width, height: self.height)
        && part.isInside(width: width, height: height), "\(part) of \(box) at \(width) x \(height)."
    )
    if box.width == self.width, box.height == self.height, width == self.width,
      height == self.height
    {
      return part.width == width && part.height == height ? self : cropped(to: part)
    }
    let window = byol_window(
      x: Int32(part.x), y: Int32(part.y), width: Int32(part.width), height: Int32(part.height))
    let needed = byol_resample_bytes_scratch(
      Int32(box.width), Int32(box.height), Int32(channels), Int32(width), Int32(height), window,
      filter.rawValue)
    let memory = unsafe scratch.bytes(needed)
    return unsafe withPixels { view in
      unsafe Raster.filled(width: part.width, height: part.height, channels: channels) { out in
        unsafe byol_resample_bytes(
          view.pixels + (box.y * view.width + box.x) * channels, view.width * channels,
          Int32(box.width), Int32(box.height), Int32(channels), out, Int32(width), Int32(height),
          window, filter.rawValue, memory)
      }
    }
  }

  /// The part of the picture in `box`, which must lie inside it.
  public func cropped(to box: PixelBox) -> Raster {
    precondition(
      box.isInside(width: width, height: height), "\(box) of \(width) x \(height) pixels.")
    var part: [UInt8] = []
    part.reserveCapacity(box.width * box.height * channels)
    for y in box.y..<box.y + box.height {
      let first = (y * width + box.x) * channels
      part.append(contentsOf: pixels[first..<first + box.width * channels])
    }
    return Raster(width: box.width, height: box.height, channels: channels, pixels: part)
  }
}

extension PixelBox {
  fileprivate func isInside(width: Int, height: Int) -> Bool {
    x >= 0 && y >= 0 && self.width > 0 && self.height > 0 && self.width <= width - x
      && self.height <= height - y
  }
}
