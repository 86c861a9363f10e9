//! Where in a file each part of a configuration stands: a path like `escalation.web.steps[0]` to its line and column.

use std::collections::BTreeMap;
use std::fmt;

use serde::de::{Deserialize, Deserializer, MapAccess, SeqAccess, Visitor};
use serde_saphyr::{Location, Spanned};

/// Line and column, from 1.
pub(crate) type Place = (u64, u64);

/// Every path of a YAML text with its place; empty where the text is not YAML.
pub(crate) fn places(text: &str) -> BTreeMap<String, Place> {
    let mut found = BTreeMap::new();
    if let Ok(root) = serde_saphyr::from_str::<Spanned<Shape>>(text) {
        walk(&root, String::new(), &mut found);
    }
    found
}

/// The place of a path, or of the nearest part of it that stands in the file.
pub(crate) fn nearest(places: &BTreeMap<String, Place>, path: &str) -> Option<Place> {
    let mut path = path;
    loop {
        if let Some(place) = places.get(path) {
            return Some(*place);
        }
        path = &path[..path.rfind(['.', '['])?];
    }
}

enum Shape {
    Map(Vec<(Spanned<String>, Spanned<Shape>)>),
    List(Vec<Spanned<Shape>>),
    Scalar,
}

fn walk(node: &Spanned<Shape>, path: String, found: &mut BTreeMap<String, Place>) {
    match &node.value {
        Shape::Map(pairs) => {
            for (key, value) in pairs {
                let below = if path.is_empty() { key.value.clone() } else { format!("{path}.{}", key.value) };
                found.insert(below.clone(), place(key.referenced));
                walk(value, below, found);
            }
        }
        Shape::List(items) => {
            for (index, item) in items.iter().enumerate() {
                let below = format!("{path}[{index}]");
                found.insert(below.clone(), place(item.referenced));
                walk(item, below, found);
            }
        }
        Shape::Scalar => {}
    }
}

fn place(location: Location) -> Place {
    (location.line(), location.column())
}

impl<'de> Deserialize<'de> for Shape {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(ShapeVisitor)
    }
}

struct ShapeVisitor;

macro_rules! scalar {
    ($($method:ident($type:ty)),*) => {$(
        fn $method<E>(self, _: $type) -> Result<Shape, E> {
            Ok(Shape::Scalar)
        }
    )*};
}

impl<'de> Visitor<'de> for ShapeVisitor {
    type Value = Shape;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("YAML")
    }

    scalar!(visit_bool(bool), visit_i64(i64), visit_u64(u64), visit_f64(f64), visit_str(&str));

    fn visit_unit<E>(self) -> Result<Shape, E> {
        Ok(Shape::Scalar)
    }

    fn visit_none<E>(self) -> Result<Shape, E> {
        Ok(Shape::Scalar)
    }

    fn visit_some<D: Deserializer<'de>>(self, deserializer: D) -> Result<Shape, D::Error> {
        Shape::deserialize(deserializer)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Shape, A::Error> {
        let mut list = Vec::new();
        while let Some(item) = items.next_element()? {
            list.push(item);
        }
        Ok(Shape::List(list))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut pairs: A) -> Result<Shape, A::Error> {
        let mut map = Vec::new();
        while let Some(pair) = pairs.next_entry()? {
            map.push(pair);
        }
        Ok(Shape::Map(map))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_leads_to_its_key_and_a_missing_one_to_its_parent() {
        let found = places("services:\n  shop:\n    components: [a, b]\n");
        assert_eq!(found.get("services.shop"), Some(&(2, 3)));
        assert_eq!(found.get("services.shop.components[1]"), Some(&(3, 21)));
        assert_eq!(nearest(&found, "services.shop.owner"), Some((2, 3)));
        assert_eq!(nearest(&found, "rotations"), None);
    }
}
