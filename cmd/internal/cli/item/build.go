package item

import "strings"

// Source returns the value of an item: the text itself, or what the file holds
// that it names.
type Source func(Item) ([]byte, error)

// Build makes the JSON body of the items: the document, if one is given,
// patched by the others. document may hold it already; else source is asked.
// A document by itself stays as it is. Without any body item the result is nil.
func Build(document []byte, items []Item, source Source) ([]byte, error) {
	var doc *Item
	var patches []Item
	for n, i := range items {
		switch {
		case i.Kind == Document && doc != nil:
			return nil, i.Errorf("the body is given twice")
		case i.Kind == Document:
			doc = &items[n]
		case i.Kind == Text || i.Kind == JSON:
			patches = append(patches, i)
		}
	}
	if doc != nil && document == nil {
		var err error
		if document, err = source(*doc); err != nil {
			return nil, err
		}
	}
	if len(patches) == 0 {
		return document, nil
	}
	root := new(Value)
	if doc != nil {
		var err error
		if root, err = ParseBase(document); err != nil {
			return nil, doc.Errorf("%s", err)
		}
	}
	for _, i := range patches {
		if err := apply(root, i, source); err != nil {
			return nil, err
		}
	}
	if hole := root.hole(nil); hole != nil {
		return nil, behind(patches, hole).Errorf("%s is given by no item; number them from 0", quote(pathText(hole)))
	}
	return root.Encode()
}

// behind returns the first item that goes into the list of hole, which it made
// longer than its elements.
func behind(items []Item, hole []Step) Item {
	list := pathText(hole[:len(hole)-1]) + "["
	for _, i := range items {
		if n := len(hole) - 1; len(i.Path) > n && strings.HasPrefix(pathText(i.Path), list) && i.Path[n].Index > hole[n].Index {
			return i
		}
	}
	return items[len(items)-1]
}

func apply(root *Value, i Item, source Source) error {
	data, err := source(i)
	if err != nil {
		return err
	}
	var v *Value
	if i.Kind == JSON {
		v, err = ParseJSON(data)
	} else {
		v, err = NewText(string(data))
	}
	if err == nil {
		err = root.Set(i.Path, v)
	}
	if err != nil {
		return i.Errorf("%s", err)
	}
	return nil
}
